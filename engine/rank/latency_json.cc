#include "engine/rank/latency_json.h"

#include <nlohmann/json.hpp>

namespace attune {

nlohmann::ordered_json LatencyJson(const LatencyHistogram& histogram) {
  const LatencyHistogram::Summary s = histogram.Summarise();
  const auto ms = [](int64_t ns) { return static_cast<double>(ns) * 1e-6; };
  return {{"count", s.count},       {"mean_ms", s.mean_ns * 1e-6},
          {"p50_ms", ms(s.p50_ns)}, {"p95_ms", ms(s.p95_ns)},
          {"p99_ms", ms(s.p99_ns)}, {"p999_ms", ms(s.p999_ns)},
          {"max_ms", ms(s.max_ns)}};
}

}  // namespace attune
