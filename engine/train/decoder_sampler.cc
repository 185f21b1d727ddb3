#include "engine/train/decoder_sampler.h"

#include <algorithm>
#include <cmath>

#include "features/pipeline.h"

namespace attune {
namespace {

constexpr int kPageItems = 10;  // shown items per group, at most

}  // namespace

DecoderSampler::DecoderSampler(const Network& network,
                               const TrainOptions& options,
                               const Dataset& dataset, const Split& split,
                               const ExampleFeatures& features,
                               std::span<const int32_t> tasks)
    : network_(network),
      options_(options),
      dataset_(dataset),
      split_(split),
      features_(features),
      tasks_(tasks),
      cumulative_(split.item_count(), 0.0) {
  const ItemLists training = split.TrainingItems();
  std::vector<int64_t> users(split.item_count(), 0);
  for (int32_t item : training.items) ++users[item];
  double sum = 0;
  for (size_t item = 0; item < users.size(); ++item) {
    sum += std::log1p(static_cast<double>(users[item]));
    cumulative_[item] = sum;
  }
}

int32_t DecoderSampler::DrawPopular(Rng& rng) const {
  const double u = rng.Uniform() * cumulative_.back();
  auto it = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  return static_cast<int32_t>(
      std::min<ptrdiff_t>(it - cumulative_.begin(),
                          static_cast<ptrdiff_t>(cumulative_.size()) - 1));
}

void DecoderSampler::Sample(const MatchBatch& rows, ConstMatrixView x,
                            ConstMatrixView user, Rng& rng, Scratch& scratch,
                            DecoderBatch& out) const {
  scratch.excluded.resize(x.rows(), 0);
  scratch.hard.resize(x.rows(), 0);
  for (size_t s = 0; s < rows.sequences.size(); ++s) {
    const TrainingSequence& sequence = rows.sequences[s];
    const AttentionSequence& range = rows.ranges[s];
    for (const Interaction& event : sequence.events) {
      scratch.excluded[event.item] = 1;
    }
    // The last event may have a row too, which has no target.
    const int64_t targets = std::min<int64_t>(
        range.query_count, static_cast<int64_t>(sequence.events.size()) - 1);
    for (int draw = 0; draw < options_.decoder_positions && targets > 0;
         ++draw) {
      const int64_t row =
          range.query_begin + static_cast<int64_t>(rng.Below(targets));
      if (rows.weight[row] > 0) {
        SampleNext(rows, s, row, x, user, rng, scratch, out);
      }
    }
    for (const Interaction& event : sequence.events) {
      scratch.excluded[event.item] = 0;
    }
    if (network_.config().tasks.size() > 1) {
      SamplePages(rows, s, rng, scratch, out);
    }
  }
}

void DecoderSampler::Begin(const MatchBatch& rows, size_t sequence,
                           int64_t last_row, int64_t now_ms, bool has_time,
                           Scratch& scratch, DecoderGroup& group) const {
  const TrainingSequence& piece = rows.sequences[sequence];
  const int64_t first = rows.ranges[sequence].query_begin;
  group.first_row = first;
  group.last_row = last_row;
  group.now_ms = now_ms;
  group.user_tokens = features_.user(piece.user).tokens;
  features::Pipeline::ContextFeatures(now_ms, has_time, group.clock);
  features_.Begin(piece.user, piece.events.first(last_row - first + 1), now_ms,
                  has_time, /*training=*/true, scratch.features);
}

void DecoderSampler::AddCandidate(int32_t item, int own, float log_weight,
                                  uint32_t followed, Scratch& scratch,
                                  DecoderBatch& out) const {
  out.item.push_back(item);
  out.log_weight.push_back(log_weight);
  out.followed.push_back(followed);
  const size_t width = static_cast<size_t>(features_.dense_width());
  out.dense.resize(out.dense.size() + width);
  features_.Candidate(item, own, scratch.features,
                      std::span(out.dense).last(width));
}

void DecoderSampler::SampleNext(const MatchBatch& rows, size_t sequence,
                                int64_t row, ConstMatrixView x,
                                ConstMatrixView user, Rng& rng,
                                Scratch& scratch, DecoderBatch& out) const {
  const TrainingSequence& piece = rows.sequences[sequence];
  const int64_t first = rows.ranges[sequence].query_begin;
  const Interaction& next = piece.events[row - first + 1];
  DecoderGroup group;
  Begin(rows, sequence, row, rows.query_time_ms[row],
        next.has_time && network_.config().use_time, scratch, group);
  group.weight = rows.weight[row];
  group.begin = static_cast<int64_t>(out.item.size());
  AddCandidate(next.item, 1, 0, 0, scratch, out);

  // The hardest negatives of the match term, the user's own items left out.
  scratch.match.resize(x.rows());
  const float* u = user.row(row);
  scratch.order.clear();
  for (int64_t item = 0; item < x.rows(); ++item) {
    const float* vector = x.row(item);
    float dot = 0;
    for (int64_t d = 0; d < x.cols(); ++d) dot += u[d] * vector[d];
    scratch.match[item] = dot;
    if (!scratch.excluded[item]) {
      scratch.order.push_back(static_cast<int32_t>(item));
    }
  }
  const size_t pool =
      std::min<size_t>(options_.hard_pool, scratch.order.size());
  std::nth_element(scratch.order.begin(), scratch.order.begin() + pool,
                   scratch.order.end(), [&](int32_t a, int32_t b) {
                     return scratch.match[a] != scratch.match[b]
                                ? scratch.match[a] > scratch.match[b]
                                : a < b;
                   });
  scratch.order.resize(pool);
  std::sort(scratch.order.begin(), scratch.order.end());
  const int hard = std::min<int>((options_.decoder_negatives + 1) / 2,
                                 static_cast<int>(pool));
  for (int32_t item : scratch.order) scratch.hard[item] = 1;
  for (int i = 0; i < hard; ++i) {
    const size_t pick = i + rng.Below(pool - i);
    std::swap(scratch.order[i], scratch.order[pick]);
    // Each stands for pool / hard of the pool.
    AddCandidate(scratch.order[i], 0,
                 std::log(static_cast<float>(pool) / static_cast<float>(hard)),
                 0, scratch, out);
  }
  const int popular = options_.decoder_negatives - hard;
  for (int i = 0; i < popular; ++i) {
    const int32_t item = DrawPopular(rng);
    if (scratch.excluded[item] || scratch.hard[item]) continue;
    const double share =
        (cumulative_[item] - (item > 0 ? cumulative_[item - 1] : 0)) /
        cumulative_.back();
    if (share <= 0) continue;
    AddCandidate(item, 0, static_cast<float>(-std::log(popular * share)), 0,
                 scratch, out);
  }
  for (int32_t item : scratch.order) scratch.hard[item] = 0;
  group.end = static_cast<int64_t>(out.item.size());
  out.groups.push_back(group);
}

void DecoderSampler::SamplePages(const MatchBatch& rows, size_t sequence,
                                 Rng& rng, Scratch& scratch,
                                 DecoderBatch& out) const {
  const TrainingSequence& piece = rows.sequences[sequence];
  const int64_t first = rows.ranges[sequence].query_begin;
  const int64_t length = rows.ranges[sequence].query_count;
  std::span<const Impression> shown = dataset_.impressions(piece.user);
  const int64_t limit = split_.training_limit(piece.user);
  if (shown.empty() || length == 0) return;
  for (int draw = 0; draw < options_.decoder_positions; ++draw) {
    // A page: shown items with the same events before them, in groups of
    // kPageItems, so that every impression belongs to one group only.
    const size_t chosen = rng.Below(shown.size());
    const Impression& pivot = shown[chosen];
    if (pivot.sort_key >= limit) continue;
    auto before = std::lower_bound(
        piece.events.begin(), piece.events.end(), pivot.sort_key,
        [](const Interaction& e, int64_t key) { return e.sort_key < key; });
    const int64_t known = before - piece.events.begin();
    if (known == 0 || known > length) continue;
    const int64_t from = piece.events[known - 1].sort_key;
    // Behind the piece's last event lies the next one, or the training's end.
    const auto after =
        split_.training(piece.user).begin() +
        (piece.events.data() + known - split_.training(piece.user).data());
    const int64_t to = after == split_.training(piece.user).end()
                           ? limit - 1
                           : after->sort_key;
    if (pivot.sort_key > to) continue;  // behind the piece
    auto page = std::upper_bound(
        shown.begin(), shown.end(), from,
        [](int64_t key, const Impression& i) { return key < i.sort_key; });
    page += (static_cast<ptrdiff_t>(chosen) - (page - shown.begin())) /
            kPageItems * kPageItems;
    DecoderGroup group;
    group.impression = true;
    Begin(rows, sequence, first + known - 1, pivot.time_ms,
          pivot.has_time && network_.config().use_time, scratch, group);
    group.begin = static_cast<int64_t>(out.item.size());
    for (int taken = 0;
         page != shown.end() && page->sort_key <= to && taken < kPageItems;
         ++page, ++taken) {
      uint32_t followed = 0;
      for (size_t bit = 0; bit < tasks_.size(); ++bit) {
        if (tasks_[bit] > 0 && (page->followed >> bit & 1u)) {
          followed |= 1u << (tasks_[bit] - 1);
        }
      }
      AddCandidate(page->item, 0, 0, followed, scratch, out);
    }
    group.end = static_cast<int64_t>(out.item.size());
    if (group.end > group.begin) out.groups.push_back(group);
  }
}

}  // namespace attune
