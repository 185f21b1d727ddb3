#include "engine/engine_stats.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/strings.h"
#include "engine/rank/latency_json.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json CacheJson(const StateCacheStats& cache) {
  return {{"hits", cache.hits},
          {"misses", cache.misses},
          {"evictions", cache.evictions},
          {"entries", cache.entries},
          {"bytes", cache.bytes}};
}

/// One metric with its type line.
void Metric(std::string& text, std::string_view name, std::string_view type,
            int64_t value) {
  text += StrCat("# TYPE ", name, " ", type, "\n", name, " ", value, "\n");
}

/// One summary of `metric`, whose label is `label`, such as `warm="1"`.
void Quantiles(std::string& text, std::string_view metric,
               std::string_view label, const LatencyHistogram& histogram) {
  const LatencyHistogram::Summary s = histogram.Summarise();
  const std::pair<const char*, int64_t> quantiles[] = {
      {"0.5", s.p50_ns}, {"0.95", s.p95_ns}, {"0.99", s.p99_ns}};
  for (const auto& [quantile, ns] : quantiles) {
    text += StrCat(metric, "{", label, ",quantile=\"", quantile, "\"} ",
                   static_cast<double>(ns) * 1e-9, "\n");
  }
  text += StrCat(metric, "_sum{", label, "} ",
                 s.mean_ns * static_cast<double>(s.count) * 1e-9, "\n", metric,
                 "_count{", label, "} ", s.count, "\n");
}

}  // namespace

void EngineStats::RecordRequest(int64_t duration_ns, const StageTimes& stages,
                                int64_t candidates, bool warm,
                                const absl::Status& status) {
  if (!status.ok()) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  candidates_.fetch_add(candidates, std::memory_order_relaxed);
  (warm ? warm_ : cold_).Record(duration_ns);
  for (size_t s = 0; s < kRequestStages; ++s) stages_[s].Record(stages[s]);
}

std::string EngineStats::Json(const Sources& sources) const {
  nlohmann::ordered_json stages;
  for (size_t s = 0; s < kRequestStages; ++s) {
    stages[std::string(StageName(static_cast<Stage>(s)))] =
        LatencyJson(stages_[s]);
  }
  nlohmann::ordered_json json = {
      {"model", sources.model},
      {"requests",
       {{"cold", LatencyJson(cold_)}, {"warm", LatencyJson(warm_)}}},
      {"stages", stages},
      {"request_errors", errors_.load()},
      {"candidates_scored", candidates_.load()},
      {"user_states", CacheJson(sources.states)},
      {"item_vectors", CacheJson(sources.items)},
      {"item_vectors_filling", sources.items_filling},
      {"retrieval_index",
       {{"items", sources.index_items},
        {"bytes", sources.index_bytes},
        {"builds", sources.index_builds}}},
      {"memory",
       {{"limit_bytes", sources.memory_limit_bytes},
        {"models_bytes", sources.models_bytes},
        {"user_states_limit_bytes", sources.user_states_limit_bytes}}},
      {"storage",
       {{"items", sources.storage.items},
        {"users", sources.storage.users},
        {"events", sources.storage.events},
        {"histories", sources.storage.histories},
        {"row_cache_hits", sources.storage.row_cache_hits},
        {"row_cache_misses", sources.storage.row_cache_misses},
        {"row_cache_bytes", sources.storage.row_cache_bytes},
        {"block_cache_bytes", sources.storage.block_cache_bytes}}}};
  return json.dump();
}

std::string EngineStats::Prometheus(const Sources& sources) const {
  std::string text = "# TYPE attune_request_seconds summary\n";
  Quantiles(text, "attune_request_seconds", "warm=\"0\"", cold_);
  Quantiles(text, "attune_request_seconds", "warm=\"1\"", warm_);
  text += "# TYPE attune_stage_seconds summary\n";
  for (size_t s = 0; s < kRequestStages; ++s) {
    Quantiles(text, "attune_stage_seconds",
              StrCat("stage=\"", StageName(static_cast<Stage>(s)), "\""),
              stages_[s]);
  }
  Metric(text, "attune_request_errors_total", "counter", errors_.load());
  Metric(text, "attune_candidates_scored_total", "counter", candidates_.load());
  Metric(text, "attune_user_state_hits_total", "counter", sources.states.hits);
  Metric(text, "attune_user_state_misses_total", "counter",
         sources.states.misses);
  Metric(text, "attune_user_state_bytes", "gauge", sources.states.bytes);
  Metric(text, "attune_item_vector_hits_total", "counter", sources.items.hits);
  Metric(text, "attune_item_vector_misses_total", "counter",
         sources.items.misses);
  Metric(text, "attune_item_vector_bytes", "gauge", sources.items.bytes);
  Metric(text, "attune_item_vectors_filling", "gauge",
         sources.items_filling ? 1 : 0);
  Metric(text, "attune_models_bytes", "gauge", sources.models_bytes);
  Metric(text, "attune_retrieval_index_items", "gauge", sources.index_items);
  Metric(text, "attune_retrieval_index_bytes", "gauge", sources.index_bytes);
  Metric(text, "attune_retrieval_index_builds_total", "counter",
         sources.index_builds);
  Metric(text, "attune_items", "gauge", sources.storage.items);
  Metric(text, "attune_users", "gauge", sources.storage.users);
  Metric(text, "attune_events", "gauge", sources.storage.events);
  return text;
}

}  // namespace attune
