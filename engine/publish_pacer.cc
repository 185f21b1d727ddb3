#include "engine/publish_pacer.h"

#include <algorithm>

namespace attune {

Pace::TimePoint Pace::Begin(TimePoint now, int64_t items) {
  const TimePoint begin = std::max(now, next_);
  if (rate_ > 0) {
    next_ = begin + std::chrono::nanoseconds(items * 1'000'000'000 / rate_);
  }
  return begin;
}

PublishGate::Ticket PublishGate::Enter() {
  std::lock_guard<std::mutex> lock(mutex_);
  return generation_;
}

absl::Status PublishGate::WaitUntil(Ticket ticket, Pace::TimePoint time) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_until(lock, time,
                      [&] { return closed_ || ticket != generation_; });
  if (closed_) {
    return absl::CancelledError(
        "the engine is being closed: the model was not published");
  }
  if (ticket != generation_) {
    return absl::CancelledError("the publication was cancelled");
  }
  return absl::OkStatus();
}

void PublishGate::Cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++generation_;
  }
  changed_.notify_all();
}

void PublishGate::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace attune
