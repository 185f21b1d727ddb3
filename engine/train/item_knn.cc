#include "engine/train/item_knn.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <functional>

#include "engine/train/cooccurrence.h"

namespace attune {
namespace {

// The `keep`-th largest of `weights` (which it reorders), or 0 if there are
// fewer: what reaches it stays, so that ties at the border are treated alike.
float KeepThreshold(std::vector<float>* weights, int64_t keep) {
  if (keep <= 0 || static_cast<int64_t>(weights->size()) <= keep) return 0;
  const auto border = weights->begin() + (keep - 1);
  std::nth_element(weights->begin(), border, weights->end(), std::greater<>());
  return *border;
}

}  // namespace

ItemSimilarities::ItemSimilarities(const ItemLists& training,
                                   int32_t item_count, int64_t max_pairs,
                                   ThreadPool& pool) {
  const CooccurrenceCounter counter(training, item_count);
  root_users_.resize(item_count);
  for (int32_t item = 0; item < item_count; ++item) {
    root_users_[item] = std::sqrt(static_cast<float>(counter.users(item)));
  }
  const int64_t row_limit =
      std::max<int64_t>(200, max_pairs / std::max(item_count, 1));
  counts_ = NeighbourTable::Build(
      item_count, pool,
      [&](int32_t begin, int32_t end, NeighbourTable::RowSink& sink) {
        CooccurrenceCounter::Scratch scratch;
        std::vector<float> weights;
        for (int32_t item = begin; item < end; ++item) {
          const auto row = counter.Row(item, &scratch);
          // Within a row, cosine orders like count / sqrt(users of the other).
          const auto weight_of = [&](const CooccurrenceCounter::Count& count) {
            return static_cast<float>(count.users) / root_users_[count.item];
          };
          weights.clear();
          if (static_cast<int64_t>(row.size()) > row_limit) {
            for (const auto& count : row) weights.push_back(weight_of(count));
          }
          const float threshold = KeepThreshold(&weights, row_limit);
          for (const auto& count : row) {
            if (weight_of(count) < threshold) continue;
            sink.Add(count.item, static_cast<float>(count.users));
          }
          sink.EndRow();
        }
      });
}

NeighbourTable ItemSimilarities::Neighbourhoods(int neighbours, float shrink,
                                                ThreadPool& pool) const {
  const NeighbourTable by_candidate = NeighbourTable::Build(
      counts_.rows(), pool,
      [&](int32_t begin, int32_t end, NeighbourTable::RowSink& sink) {
        std::vector<float> weights, sorted;
        for (int32_t item = begin; item < end; ++item) {
          const auto row = counts_.row(item);
          weights.clear();
          for (const Neighbour& count : row) {
            weights.push_back(
                count.weight /
                (root_users_[item] * root_users_[count.item] + shrink));
          }
          sorted = weights;
          const float threshold = KeepThreshold(&sorted, neighbours);
          for (size_t i = 0; i < row.size(); ++i) {
            if (weights[i] >= threshold) sink.Add(row[i].item, weights[i]);
          }
          sink.EndRow();
        }
      });
  return by_candidate.Transposed();
}

ProfileScorer::ProfileScorer(std::span<const float> half_lives)
    : half_lives_(half_lives.begin(), half_lives.end()) {
  assert(!half_lives_.empty() && half_lives_.size() <= kMaxWeightings);
}

void ProfileScorer::Score(const NeighbourTable& table,
                          std::span<const int32_t> profile,
                          std::span<float> scores,
                          std::vector<float>* scratch) const {
  // All weightings of one item side by side: an entry's index and similarity
  // are read once, and the inner loop is one vector operation.
  const int32_t items = table.rows();
  scratch->assign(static_cast<size_t>(items) * kMaxWeightings, 0.0f);
  float* const sums = scratch->data();
  std::array<float, kMaxWeightings> weights{};
  for (size_t i = 0; i < profile.size(); ++i) {
    const float age = static_cast<float>(profile.size() - 1 - i);
    for (int w = 0; w < weightings(); ++w) {
      const float half_lives = half_lives_[w] > 0 ? age / half_lives_[w] : 0;
      // Beyond 100 half-lives the products would become denormal: slow, and
      // far below what any ranking shows.
      weights[w] = half_lives > 100 ? 0 : std::exp2(-half_lives);
    }
    for (const Neighbour& entry : table.row(profile[i])) {
      float* const sum = sums + int64_t{entry.item} * kMaxWeightings;
      for (int w = 0; w < kMaxWeightings; ++w) {
        sum[w] += entry.weight * weights[w];
      }
    }
  }
  for (int w = 0; w < weightings(); ++w) {
    for (int32_t item = 0; item < items; ++item) {
      scores[int64_t{w} * items + item] =
          sums[int64_t{item} * kMaxWeightings + w];
    }
  }
}

}  // namespace attune
