#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace attune {

/// What a request's time goes to, in the order in which a request does it.
enum class Stage : uint8_t {
  kRead,      ///< user, history and candidates, from memory or the store
  kAssemble,  ///< records to numbers: profile, features, vectors side by side
  kEncode,    ///< history rows that are not kept, the newest at least
  kDecode,    ///< candidates' attention to the history
  kFuse,      ///< match term, fusion network, logits and the value formula
  kRank,      ///< filters, top-k, reasons, the answer
};
inline constexpr size_t kRequestStages = 6;

/// "read", "assemble", …
std::string_view StageName(Stage stage);

/// Nanoseconds by stage.
using StageTimes = std::array<int64_t, kRequestStages>;

/// Laps of one request: whoever finishes a piece of work says whose it was, and
/// all time since the lap before is that stage's. So the stages add up to the
/// whole, and a request reads the clock a dozen times, some 0.3 µs. Not
/// thread-safe. One that was not started counts nothing and reads no clock.
class StageClock {
 public:
  /// Forgets all; the first lap begins at start_ns (MonotonicNs()).
  void Start(int64_t start_ns) {
    times_ = {};
    last_ns_ = start_ns;
  }
  void Stop() { last_ns_ = kStopped; }
  bool running() const { return last_ns_ != kStopped; }

  /// Ends a lap of `stage`.
  void Lap(Stage stage) {
    if (!running()) return;
    const int64_t now_ns = MonotonicNs();
    times_[static_cast<size_t>(stage)] += now_ns - last_ns_;
    last_ns_ = now_ns;
  }

  /// Ends a lap in which other threads worked for the request: its time is
  /// split as `work`, their sum, was.
  void LapAs(const StageTimes& work);

  const StageTimes& times() const { return times_; }

 private:
  static constexpr int64_t kStopped = -1;

  StageTimes times_ = {};
  int64_t last_ns_ = kStopped;
};

}  // namespace attune
