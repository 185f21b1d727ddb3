#pragma once

#include <array>
#include <cstdint>

namespace attune::features {

/// Most results of impressions that have a rate; each costs a logarithm per
/// candidate.
inline constexpr int kMaxRates = 6;

/// v1::Counters without names: what the popularity features need of them, in
/// two cache lines. Made by Pipeline::CompactCounters; a cache of hot items
/// keeps it beside ItemFeatures.
struct ItemCounters {
  double total = 0;          ///< of positive actions
  int64_t reference_ms = 0;  ///< of the four below
  double hour = 0, day = 0, week = 0, month = 0;
  double impressions = 0;
  std::array<float, kMaxRates> followed{};  ///< totals by PipelineState::rates
};

}  // namespace attune::features
