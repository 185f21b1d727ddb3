#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "absl/functional/function_ref.h"

namespace attune::python {

/// Minutes of work that Python waits for: it runs on a quiet thread of its own,
/// without the GIL, while the calling thread answers signals (Ctrl-C) and hands
/// reports to Python. After a signal's exception, or one that a report raises,
/// the work is asked to end, and the exception is raised when it has.
class PatientCall {
 public:
  /// Called on the waiting thread, again and again, once the work should end.
  void OnCancel(std::function<void()> on_cancel) {
    on_cancel_ = std::move(on_cancel);
  }
  /// Set once the work should end.
  const std::atomic<bool>* cancelled() const { return &cancelled_; }

  /// From the work: `report` runs soon on the waiting thread, with the GIL.
  void Report(std::function<void()> report);

  /// Needs the GIL, which others may have meanwhile. Throws python_error.
  /// REQUIRES: called once.
  void Run(absl::FunctionRef<void()> work);

 private:
  std::atomic<bool> cancelled_ = false;
  std::function<void()> on_cancel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> reports_;  // under mutex_
  bool done_ = false;                          // under mutex_
};

}  // namespace attune::python
