#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/stage_clock.h"
#include "engine/rank/latency_histogram.h"
#include "engine/rank/text_table.h"
#include "tools/attune/bench_load.h"

namespace attune {

/// Adds the "warm_share" of the answers and the "stages" of `samples` (total,
/// share of the time and mean per request of each) to `json`.
void AddStages(const BenchSamples& samples, nlohmann::ordered_json* json);

/// A table of latencies; `title` heads the column of names.
TextTable LatencyTable(std::string_view title);
/// `per_second` 0 and a negative `warm_share` leave their cells empty.
void AddLatencyRow(std::string_view name, const LatencyHistogram& histogram,
                   double per_second, double warm_share, TextTable* table);

/// Share of the answers that say that a kept state was used; 0 without any.
double WarmShare(const BenchSamples& samples);

/// Where the time of `samples` went: total, share and mean per request of each
/// stage, and a bar that begins where the stage before ended, as in a flame
/// graph. Nothing where there are no samples.
std::string StageTable(std::string_view title, const BenchSamples& samples);

}  // namespace attune
