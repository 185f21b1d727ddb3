#include "engine/train/item_knn.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>

#include "engine/train/cooccurrence.h"

namespace attune {
namespace {

constexpr int64_t kMostDenseItems = 8192;

// The compiler makes vector code of loops over this many floats.
constexpr int64_t kRowLanes = 16;

// sums += factor · row; size a multiple of kRowLanes.
void AddScaled(float factor, const float* __restrict__ row, int64_t size,
               float* __restrict__ sums) {
  for (int64_t i = 0; i < size; i += kRowLanes) {
    for (int64_t lane = 0; lane < kRowLanes; ++lane) {
      sums[i + lane] += factor * row[i + lane];
    }
  }
}

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

ProfileScorer::ProfileScorer(const NeighbourTable& table,
                             std::span<const float> half_lives)
    : table_(table), half_lives_(half_lives.begin(), half_lives.end()) {
  assert(!half_lives_.empty() && half_lives_.size() <= kMaxWeightings);
  const int64_t items = table.rows();
  const int64_t entries = static_cast<int64_t>(table.entries().size());
  if (items > kMostDenseItems || entries < items * items / 4) return;
  stride_ = (items + kRowLanes - 1) / kRowLanes * kRowLanes;
  dense_.resize(items * stride_);
  for (int32_t item = 0; item < table.rows(); ++item) {
    for (const Neighbour& entry : table.row(item)) {
      dense_[item * stride_ + entry.item] = entry.weight;
    }
  }
}

ProfileScorer::Weights ProfileScorer::WeightsAtAge(int64_t age) const {
  Weights weights{};
  for (int w = 0; w < weightings(); ++w) {
    const float half_lives =
        half_lives_[w] > 0 ? static_cast<float>(age) / half_lives_[w] : 0;
    // Beyond 100 half-lives the products would become denormal: slow, and far
    // below what any ranking shows.
    weights[w] = half_lives > 100 ? 0 : std::exp2(-half_lives);
  }
  return weights;
}

void ProfileScorer::Score(std::span<const int32_t> profile,
                          std::span<float> scores,
                          std::vector<float>* scratch) const {
  if (dense_.empty()) {
    ScoreSparse(profile, scores, scratch);
  } else {
    ScoreDense(profile, scores, scratch);
  }
}

void ProfileScorer::ScoreDense(std::span<const int32_t> profile,
                               std::span<float> scores,
                               std::vector<float>* scratch) const {
  scratch->assign(weightings() * stride_, 0.0f);
  const int64_t newest = static_cast<int64_t>(profile.size()) - 1;
  for (int64_t i = 0; i <= newest; ++i) {
    const Weights weights = WeightsAtAge(newest - i);
    const float* const row = dense_.data() + profile[i] * stride_;
    for (int w = 0; w < weightings(); ++w) {
      if (weights[w] == 0) continue;
      AddScaled(weights[w], row, stride_, scratch->data() + w * stride_);
    }
  }
  for (int w = 0; w < weightings(); ++w) {
    std::copy_n(scratch->data() + w * stride_, table_.rows(),
                scores.data() + int64_t{w} * table_.rows());
  }
}

void ProfileScorer::ScoreSparse(std::span<const int32_t> profile,
                                std::span<float> scores,
                                std::vector<float>* scratch) const {
  // All weightings of one item side by side: an entry's index and similarity
  // are read once, and the inner loop is one vector operation.
  const int64_t items = table_.rows();
  scratch->assign(items * kMaxWeightings, 0.0f);
  const int64_t newest = static_cast<int64_t>(profile.size()) - 1;
  for (int64_t i = 0; i <= newest; ++i) {
    const Weights weights = WeightsAtAge(newest - i);
    for (const Neighbour& entry : table_.row(profile[i])) {
      float* __restrict__ const sum =
          scratch->data() + int64_t{entry.item} * kMaxWeightings;
      for (int w = 0; w < kMaxWeightings; ++w) {
        sum[w] += entry.weight * weights[w];
      }
    }
  }
  for (int w = 0; w < weightings(); ++w) {
    for (int64_t item = 0; item < items; ++item) {
      scores[w * items + item] = (*scratch)[item * kMaxWeightings + w];
    }
  }
}

}  // namespace attune
