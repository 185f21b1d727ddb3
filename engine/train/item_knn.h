#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "engine/train/item_lists.h"
#include "engine/train/neighbour_table.h"

namespace attune {

/// Binary cosine between items over the users of the training part, computed
/// once for a grid of neighbourhoods. Immutable and thread-safe.
class ItemSimilarities {
 public:
  /// `training` as of Split::TrainingItems. Where all pairs would be more than
  /// `max_pairs` (8 bytes each), every item keeps its max_pairs / item_count
  /// most similar ones only, at least 200.
  ItemSimilarities(const ItemLists& training, int32_t item_count,
                   int64_t max_pairs, ThreadPool& pool);

  /// similarity(i, j) = users of both / (sqrt(users_i) · sqrt(users_j) +
  /// shrink). Of every item c, the `neighbours` most similar items p are kept,
  /// with all that tie with the last of them; 0 keeps all. Row p of the result
  /// lists the c whose neighbour p is: what p in a profile adds to.
  NeighbourTable Neighbourhoods(int neighbours, float shrink,
                                ThreadPool& pool) const;

 private:
  std::vector<float> root_users_;  // sqrt(users), [items]
  NeighbourTable counts_;          // weight: users of both
};

/// Scores by similarity to a profile: s(c) = Σ_p weight(p) · similarity(c, p),
/// for several weightings at once. weight(p) = 2^(-age / half_life), the newest
/// item having age 0; half_life 0 weighs all the same. Immutable and
/// thread-safe.
class ProfileScorer {
 public:
  static constexpr int kMaxWeightings = 8;

  /// `table` as of ItemSimilarities::Neighbourhoods; it must outlive this. 1 to
  /// kMaxWeightings half-lives. A nearly full table of up to 8,192 items is
  /// copied into a dense matrix (256 MB at most), which is faster to add up.
  ProfileScorer(const NeighbourTable& table, std::span<const float> half_lives);

  int weightings() const { return static_cast<int>(half_lives_.size()); }

  /// `profile` oldest first. Fills scores [weightings() * table.rows()], one
  /// row per half-life; `scratch` is resized as needed.
  void Score(std::span<const int32_t> profile, std::span<float> scores,
             std::vector<float>* scratch) const;

 private:
  using Weights = std::array<float, kMaxWeightings>;

  Weights WeightsAtAge(int64_t age) const;
  void ScoreDense(std::span<const int32_t> profile, std::span<float> scores,
                  std::vector<float>* scratch) const;
  void ScoreSparse(std::span<const int32_t> profile, std::span<float> scores,
                   std::vector<float>* scratch) const;

  const NeighbourTable& table_;
  std::vector<float> half_lives_;
  int64_t stride_ = 0;        // of dense_: items, rounded up
  std::vector<float> dense_;  // [items, stride_], or empty
};

}  // namespace attune
