#pragma once

#include "absl/functional/function_ref.h"

namespace attune {

/// Runs `body` on a quiet thread of its own (base/quiet_thread.h) and waits for
/// it: so that threads which other libraries start inside `body` take no
/// signals either, while the caller's own thread stays open to them. Throws
/// what `body` throws, and std::system_error when no thread can be made.
void RunOnQuietThread(absl::FunctionRef<void()> body);

}  // namespace attune
