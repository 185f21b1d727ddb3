#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/stage_clock.h"
#include "engine/rank/latency_histogram.h"
#include "engine/rank/state_cache.h"
#include "storage/statistics.h"

namespace attune {

/// Counters of one engine since it was opened. Recording is a few relaxed
/// atomic additions. Thread-safe.
class EngineStats {
 public:
  /// `stages`: what the duration went to. A failed request counts as an error
  /// only.
  void RecordRequest(int64_t duration_ns, const StageTimes& stages,
                     int64_t candidates, bool warm, const absl::Status& status);

  /// What other parts count, read when the stats are asked for.
  struct Sources {
    std::string model;
    StateCacheStats states;
    StateCacheStats items;
    bool items_filling = false;  ///< from the store, beside the requests
    storage::Statistics storage;
    int64_t memory_limit_bytes = 0;
    int64_t models_bytes = 0;  ///< with their indexes; two models at least
    int64_t user_states_limit_bytes = 0;
    int64_t index_items = 0;   ///< of the current model's retrieval index
    int64_t index_bytes = 0;   ///< 0: not built
    int64_t index_builds = 0;  ///< writes do not make it built again
  };
  /// One JSON object; units are in the names.
  std::string Json(const Sources& sources) const;
  /// Prometheus text exposition format 0.0.4.
  std::string Prometheus(const Sources& sources) const;

 private:
  std::atomic<int64_t> candidates_{0}, errors_{0};
  LatencyHistogram cold_, warm_;
  std::array<LatencyHistogram, kRequestStages> stages_;
};

}  // namespace attune
