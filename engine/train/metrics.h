#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace attune {

// ---- Ranking: one target among many candidates ------------------------------

/// 1 = first. Infinity: the target is not in the ranking at all.
struct TargetRanks {
  double all = 0;     ///< every candidate competes
  double unseen = 0;  ///< the seen items are taken out

  bool operator==(const TargetRanks&) const = default;
};

/// The target's rank by score, 1 + (number better) + (number equal) / 2: what a
/// random order of ties gives on average, so that a constant scorer ranks in
/// the middle. `scores` is indexed by item; `candidates` are distinct items and
/// `seen` distinct ones among them. A NaN score means filtered out. If the
/// target itself is filtered, or seen, its rank is infinite. A target outside
/// `candidates` is ranked against them all the same.
TargetRanks RankTarget(std::span<const float> scores, int32_t target,
                       std::span<const int32_t> candidates,
                       std::span<const int32_t> seen);

/// 1 if rank <= k, else 0.
double HitAt(double rank, int k);
/// 1 / log2(rank + 1) if rank <= k, else 0: NDCG with one relevant item.
double NdcgAt(double rank, int k);
/// Mean NDCG@k of the unseen ranks, summed in their order; 0 for none.
double UnseenNdcg(std::span<const TargetRanks> ranks, int k);

struct Mean {
  double value = 0;
  double standard_error = 0;  ///< sample deviation / sqrt(n); 0 for n < 2
};

struct RankingMetrics {
  int64_t cases = 0;
  struct AtK {
    int k = 0;
    Mean hit_rate;
    Mean ndcg;
  };
  std::vector<AtK> at_k;  // in the order of the ks asked for
  Mean mrr;               // mean of 1 / rank
};

/// Means over cases, summed in their order. No cases give zeros.
RankingMetrics SummarizeRanks(std::span<const double> ranks,
                              std::span<const int> ks);

/// Mean of NDCG@k(a) - NDCG@k(b) over the same cases, and the standard error of
/// that mean difference: two models differ if it is beyond about two of them.
/// REQUIRES: a.size() == b.size().
Mean PairedNdcgDifference(std::span<const double> a, std::span<const double> b,
                          int k);

// ---- Impressions: every shown item has a label ------------------------------

/// Area under the ROC curve; equal scores count half. nullopt unless both
/// labels occur. REQUIRES: equal sizes; no NaN.
std::optional<double> Auc(std::span<const float> scores,
                          std::span<const uint8_t> labels);

struct GroupedAuc {
  /// Users weighted by their number of impressions (as in DIN, Zhou 2018).
  double by_impressions = 0;
  /// Every user counts the same.
  double by_users = 0;
  int64_t users = 0;          ///< with both labels: the ones averaged over
  int64_t dropped_users = 0;  ///< with one label only: they have no AUC
};

/// AUC inside each user, averaged. groups[g] .. groups[g + 1] bound user g's
/// rows; groups.front() is 0, groups.back() the row count.
GroupedAuc GroupAuc(std::span<const float> scores,
                    std::span<const uint8_t> labels,
                    std::span<const int64_t> groups);

/// Mean of -log p(label) where p = sigmoid(logit); exact for large logits. 0
/// for no rows.
double LogLoss(std::span<const float> logits, std::span<const uint8_t> labels);

/// Expected calibration error of sigmoid(logit): rows sorted by logit are cut
/// into `bins` bins of equal count (rare actions would put nearly all rows into
/// one bin of equal width); the mean over rows of |mean probability - share of
/// positives| in the row's bin.
double CalibrationError(std::span<const float> logits,
                        std::span<const uint8_t> labels, int bins = 15);

}  // namespace attune
