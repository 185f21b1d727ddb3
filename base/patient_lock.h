#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/status/status.h"
#include "base/execution_context.h"

namespace attune {

/// A lock that may be held for a whole request, and whose waiters give up with
/// their own request. Not fair. Thread-safe.
class PatientLock {
 public:
  /// Held from a successful Acquire() until its end.
  class Hold {
   public:
    Hold() = default;
    ~Hold() {
      if (lock_ != nullptr) lock_->Release();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    /// Waits for the lock; what CheckProgress() says when it is not to be had
    /// before the context's deadline, or its flag is set. A flag cannot wake
    /// anybody up: a waiter who has one looks at it every few milliseconds.
    absl::Status Acquire(PatientLock& lock, const ExecutionContext& context);

   private:
    PatientLock* lock_ = nullptr;
  };

 private:
  void Release();

  std::mutex mutex_;
  std::condition_variable released_;
  bool held_ = false;
};

}  // namespace attune
