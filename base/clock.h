#pragma once

#include <cstdint>

namespace attune {

/// Wall-clock milliseconds since the Unix epoch.
int64_t WallClockMs();

/// Monotonic nanoseconds; for durations only.
int64_t MonotonicNs();

}  // namespace attune
