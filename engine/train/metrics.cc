#include "engine/train/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

namespace attune {
namespace {

Mean MeanOf(std::span<const double> values) {
  Mean mean;
  const double n = static_cast<double>(values.size());
  if (values.empty()) return mean;
  for (double value : values) mean.value += value;
  mean.value /= n;
  if (values.size() < 2) return mean;
  double squares = 0;
  for (double value : values) {
    squares += (value - mean.value) * (value - mean.value);
  }
  mean.standard_error = std::sqrt(squares / (n - 1) / n);
  return mean;
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<int64_t> OrderByScore(std::span<const float> scores) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  // Rows of equal score in the order of rows: the same result everywhere.
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return scores[a] < scores[b]; });
  return order;
}

}  // namespace

TargetRanks RankTarget(std::span<const float> scores, int32_t target,
                       std::span<const int32_t> candidates,
                       std::span<const int32_t> seen) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const float score = scores[target];
  if (std::isnan(score)) return {kNever, kNever};
  int64_t better = 0, equal = 0;
  for (int32_t item : candidates) {
    better += scores[item] > score;
    equal += scores[item] == score && item != target;
  }
  TargetRanks ranks;
  ranks.all =
      1 + static_cast<double>(better) + 0.5 * static_cast<double>(equal);
  bool target_seen = false;
  for (int32_t item : seen) {
    better -= scores[item] > score;
    equal -= scores[item] == score && item != target;
    target_seen |= item == target;
  }
  ranks.unseen = target_seen ? kNever
                             : 1 + static_cast<double>(better) +
                                   0.5 * static_cast<double>(equal);
  return ranks;
}

double HitAt(double rank, int k) { return rank <= k ? 1 : 0; }

double NdcgAt(double rank, int k) {
  return rank <= k ? 1 / std::log2(rank + 1) : 0;
}

double UnseenNdcg(std::span<const TargetRanks> ranks, int k) {
  double sum = 0;
  for (const TargetRanks& rank : ranks) sum += NdcgAt(rank.unseen, k);
  return ranks.empty() ? 0 : sum / static_cast<double>(ranks.size());
}

RankingMetrics SummarizeRanks(std::span<const double> ranks,
                              std::span<const int> ks) {
  RankingMetrics metrics;
  metrics.cases = static_cast<int64_t>(ranks.size());
  std::vector<double> values(ranks.size());
  const auto mean_of = [&](auto value_of) {
    std::transform(ranks.begin(), ranks.end(), values.begin(), value_of);
    return MeanOf(values);
  };
  for (int k : ks) {
    metrics.at_k.push_back(
        {.k = k,
         .hit_rate = mean_of([k](double rank) { return HitAt(rank, k); }),
         .ndcg = mean_of([k](double rank) { return NdcgAt(rank, k); })});
  }
  metrics.mrr = mean_of([](double rank) { return 1 / rank; });
  return metrics;
}

Mean PairedNdcgDifference(std::span<const double> a, std::span<const double> b,
                          int k) {
  assert(a.size() == b.size());
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    differences[i] = NdcgAt(a[i], k) - NdcgAt(b[i], k);
  }
  return MeanOf(differences);
}

std::optional<double> Auc(std::span<const float> scores,
                          std::span<const uint8_t> labels) {
  assert(scores.size() == labels.size());
  const std::vector<int64_t> order = OrderByScore(scores);
  // Mann-Whitney: over the positives, negatives below plus half of the equal.
  double sum = 0, positives = 0, negatives = 0;
  for (size_t i = 0; i < order.size();) {
    double equal_positives = 0, equal_negatives = 0;
    const float score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i) {
      (labels[order[i]] != 0 ? equal_positives : equal_negatives) += 1;
    }
    sum += equal_positives * (negatives + 0.5 * equal_negatives);
    positives += equal_positives;
    negatives += equal_negatives;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return sum / (positives * negatives);
}

GroupedAuc GroupAuc(std::span<const float> scores,
                    std::span<const uint8_t> labels,
                    std::span<const int64_t> groups) {
  GroupedAuc result;
  double weight = 0;
  for (size_t g = 0; g + 1 < groups.size(); ++g) {
    const size_t begin = groups[g], count = groups[g + 1] - groups[g];
    if (count == 0) continue;
    const auto auc =
        Auc(scores.subspan(begin, count), labels.subspan(begin, count));
    if (!auc.has_value()) {
      ++result.dropped_users;
      continue;
    }
    ++result.users;
    result.by_users += *auc;
    result.by_impressions += *auc * static_cast<double>(count);
    weight += static_cast<double>(count);
  }
  if (result.users > 0) {
    result.by_users /= static_cast<double>(result.users);
    result.by_impressions /= weight;
  }
  return result;
}

double LogLoss(std::span<const float> logits, std::span<const uint8_t> labels) {
  assert(logits.size() == labels.size());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    // log(1 + exp(-margin)), without overflow for a large negative margin.
    const double margin = labels[i] != 0 ? logits[i] : -double{logits[i]};
    sum += std::max(-margin, 0.0) + std::log1p(std::exp(-std::abs(margin)));
  }
  return logits.empty() ? 0 : sum / static_cast<double>(logits.size());
}

double CalibrationError(std::span<const float> logits,
                        std::span<const uint8_t> labels, int bins) {
  assert(logits.size() == labels.size() && bins > 0);
  const std::vector<int64_t> order = OrderByScore(logits);
  const int64_t rows = static_cast<int64_t>(order.size());
  double error = 0;
  for (int bin = 0; bin < bins; ++bin) {
    const int64_t begin = rows * bin / bins, end = rows * (bin + 1) / bins;
    double gap = 0;
    for (int64_t i = begin; i < end; ++i) {
      gap += Sigmoid(logits[order[i]]) - (labels[order[i]] != 0 ? 1 : 0);
    }
    error += std::abs(gap);
  }
  return rows == 0 ? 0 : error / static_cast<double>(rows);
}

}  // namespace attune
