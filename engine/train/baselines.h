#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/execution_context.h"
#include "base/parallel.h"
#include "engine/train/metrics.h"
#include "engine/train/neighbour_table.h"
#include "engine/train/split.h"

namespace attune {

/// A neighbourhood model's setting; zeros mean "all" and "no decay".
struct KnnSetting {
  int neighbours = 0;
  float shrink = 0;
  float half_life = 0;  ///< in positions of the profile

  bool operator==(const KnnSetting&) const = default;
};

/// "k=50, shrink=0" or "k=all, shrink=20, half-life=1".
std::string KnnSettingText(const KnnSetting& setting);

struct BaselineOptions {
  // The grid; the best by validation NDCG is taken, the first of equals.
  std::vector<int> neighbours = {50, 200, 0};
  std::vector<float> shrinks = {0, 20};
  /// For "recent", at most 7. Empty: 1, 3, 10, 30, and for last-basket 100 too,
  /// as in the tables that the baselines are checked against.
  std::vector<float> half_lives = {};
  int selection_k = 10;
  /// Choose the setting on at most this many validation cases, evenly spaced;
  /// 0: all.
  int64_t max_selection_cases = 20'000;
  /// See ItemSimilarities; the default is 1.6 GB at most.
  int64_t max_pairs = 200'000'000;
  /// TextCosines() of the items: adds "text cosine" and "text cosine, recent".
  /// Null: none.
  const NeighbourTable* texts = nullptr;
};

/// How a baseline ranks the test targets.
struct BaselineResult {
  /// "popularity", "item-kNN", "text cosine", or the latter with ", recent".
  std::string name;
  KnnSetting setting;              ///< of all but popularity
  double validation_ndcg = 0;      ///< at selection_k, unseen
  std::vector<TargetRanks> ranks;  ///< in the order of Split::test()
};

/// Ranks the test targets by popularity (number of training users), item-kNN
/// and item-kNN with recency over all of split.candidates(). Counts come from
/// the training part alone; the profile is the case's prefix. A model that
/// does not beat the third has shown nothing yet. Where texts are given, the
/// cosine with the mean of the profile's texts follows, plain and with recency.
/// Only `context`'s deadline and cancel flag are used; Cancelled or
/// DeadlineExceeded when they end it, InvalidArgument for an empty grid.
/// Deterministic, whatever the threads.
absl::StatusOr<std::vector<BaselineResult>> EvaluateBaselines(
    const Split& split, const BaselineOptions& options,
    const ExecutionContext& context, ThreadPool& pool);

}  // namespace attune
