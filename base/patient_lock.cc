#include "base/patient_lock.h"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace attune {
namespace {

/// How late a cancel flag may be seen.
constexpr std::chrono::milliseconds kLook{5};

}  // namespace

absl::Status PatientLock::Hold::Acquire(PatientLock& lock,
                                        const ExecutionContext& context) {
  using Clock = std::chrono::steady_clock;
  assert(lock_ == nullptr);
  std::unique_lock<std::mutex> guard(lock.mutex_);
  while (lock.held_) {
    absl::Status status = context.CheckProgress();
    if (!status.ok()) return status;
    if (context.cancelled.CanBeSet()) {
      lock.released_.wait_until(
          guard, std::min(context.deadline, Clock::now() + kLook));
    } else if (context.deadline != Clock::time_point::max()) {
      lock.released_.wait_until(guard, context.deadline);
    } else {
      lock.released_.wait(guard);
    }
  }
  lock.held_ = true;
  lock_ = &lock;
  return absl::OkStatus();
}

void PatientLock::Release() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    held_ = false;
  }
  released_.notify_one();
}

}  // namespace attune
