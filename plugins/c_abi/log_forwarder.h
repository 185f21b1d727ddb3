#pragma once

#include "base/log.h"
#include "plugins/c_abi/attune.h"

namespace attune {

/// The engine's log function for a host's callback: filters by level, swallows
/// what a C++ callback throws, and marks the thread meanwhile. Empty if there
/// is no callback. `minimum_level` is an attune_log_level other than the
/// default.
LogFunction ForwardLog(attune_log_callback callback, void* user,
                       int minimum_level);

/// Whether the calling thread is inside a host's log callback. The engine may
/// hold locks there, so that calls back into it are refused.
bool InLogCallback() noexcept;

}  // namespace attune
