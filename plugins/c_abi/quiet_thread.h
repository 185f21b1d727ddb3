#pragma once

#include "absl/functional/function_ref.h"

namespace attune {

/// Runs `body` on a thread of its own, all of whose signals are blocked, and
/// waits for it. Threads inherit their signal mask, so every thread that a
/// library starts inside `body` leaves the host's signals alone; the caller's
/// own thread stays open to them all the while. Throws what `body` throws, and
/// std::system_error when no thread can be made.
void RunOnQuietThread(absl::FunctionRef<void()> body);

}  // namespace attune
