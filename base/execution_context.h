#pragma once

#include <chrono>

#include "absl/status/status.h"
#include "base/cancel_flag.h"
#include "base/stage_clock.h"
#include "base/workspace.h"

namespace attune {

/// What a call needs besides its inputs: scratch memory, and when to stop. One
/// per running request or training shard; never shared between threads.
///
/// Compute code must be entered through RunSerial() (base/parallel.h), which
/// binds the caller to an arena of one thread; see there for why.
struct ExecutionContext {
  Workspace workspace;

  /// Absolute steady-clock deadline; time_point::max() means none.
  std::chrono::steady_clock::time_point deadline =
      std::chrono::steady_clock::time_point::max();
  /// Set by another thread to give up.
  CancelFlag cancelled;

  /// Where the request's time goes; runs only where somebody started it.
  StageClock stages;

  /// Ok, Cancelled or DeadlineExceeded. Cheap enough to ask per layer.
  absl::Status CheckProgress() const {
    if (cancelled.IsSet()) {
      return absl::CancelledError("request cancelled by the caller");
    }
    if (deadline != std::chrono::steady_clock::time_point::max() &&
        std::chrono::steady_clock::now() > deadline) {
      return absl::DeadlineExceededError("request deadline exceeded");
    }
    return absl::OkStatus();
  }
};

}  // namespace attune
