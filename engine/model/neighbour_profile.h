#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "engine/model/neighbour_index.h"

namespace attune {

/// What the neighbours of a user's newest events say about candidates: the sums
/// of a nearest-neighbour model with recency (each event's weight halves with
/// its age in events), as cross features of the fusion. Built once per history;
/// a lookup per candidate. Not thread-safe; const use is.
class NeighbourProfile {
 public:
  /// Features per candidate: co-occurrence with half-life 1 and 10 events,
  /// transition with half-life 1.
  static constexpr int kWidth = 3;
  /// Newest events that are looked at: beyond them a weight of half-life 10 is
  /// below a quarter, and each costs about 100 additions.
  static constexpr int kEvents = 20;

  void Clear() { sums_.clear(); }

  /// `age` = 0 for the newest event.
  void AddCooccurrence(int32_t candidate, int age, float weight) {
    std::array<float, kWidth>& sums = sums_[candidate];
    sums[0] += weight * std::exp2(-static_cast<float>(age));
    sums[1] += weight * std::exp2(-static_cast<float>(age) / 10.0f);
  }
  void AddTransition(int32_t candidate, int age, float weight) {
    sums_[candidate][2] += weight * std::exp2(-static_cast<float>(age));
  }
  /// Adds an event's neighbours as the index has them.
  void AddEvent(const NeighbourIndex& index, int32_t row, int age) {
    for (const auto& entry :
         index.Neighbours(NeighbourIndex::kCooccurrence, row)) {
      AddCooccurrence(entry.row, age, entry.weight);
    }
    for (const auto& entry :
         index.Neighbours(NeighbourIndex::kTransition, row)) {
      AddTransition(entry.row, age, entry.weight);
    }
  }

  /// out [kWidth]: the sums on a logarithmic scale, -1 for nothing, about 1 for
  /// the strongest. A nearest-neighbour model's score enters logits as its
  /// logarithm.
  void Features(int32_t candidate, std::span<float> out) const {
    auto it = sums_.find(candidate);
    if (it == sums_.end()) {
      // Most of a large catalogue: not three logarithms for each.
      std::fill_n(out.begin(), kWidth, nothing_);
      return;
    }
    for (int i = 0; i < kWidth; ++i) out[i] = OnScale(it->second[i]);
  }

 private:
  static float OnScale(float sum) {
    return std::log(0.01f + sum) / 2.3f + 1.0f;
  }

  absl::flat_hash_map<int32_t, std::array<float, kWidth>> sums_;
  float nothing_ = OnScale(0.0f);
};

}  // namespace attune
