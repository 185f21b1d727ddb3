#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/rank/latency_histogram.h"

namespace attune {

/// {"count", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"}.
nlohmann::ordered_json LatencyJson(const LatencyHistogram& histogram);

}  // namespace attune
