#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/status/status.h"

namespace attune {

/// Evenly spaced work: when the next items may begin, so that no more than
/// items_per_second are begun. Time that was not used is not made up for.
class Pace {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// 0: no limit.
  explicit Pace(int64_t items_per_second) : rate_(items_per_second) {}

  /// When `items` may begin that are ready at `now`; counts them as begun then.
  TimePoint Begin(TimePoint now, int64_t items);

 private:
  const int64_t rate_;
  TimePoint next_ = TimePoint::min();
};

/// Lets publications wait and others end the waiting. Nothing polls.
/// Thread-safe.
class PublishGate {
 public:
  /// What a publication holds from its begin: a Cancel() before it does not
  /// concern it.
  using Ticket = uint64_t;
  Ticket Enter();

  /// Ok at `time`, or Cancelled as soon as the ticket's publication is over.
  absl::Status WaitUntil(Ticket ticket, Pace::TimePoint time);

  /// Ends the publications that run now.
  void Cancel();
  /// Ends these and all later ones.
  void Close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Ticket generation_ = 1;
  bool closed_ = false;
};

}  // namespace attune
