#include "engine/train/decoder_sampler.h"

#include <algorithm>
#include <cmath>

#include "features/pipeline.h"

namespace attune {
namespace {

constexpr int64_t kPageItems = 10;        // shown items per group, at most
constexpr int64_t kPageMs = 10 * 60'000;  // between its first and last item

// Where the next page that starts at `begin` ends: all of it was shown before
// `to` (inclusive), in one context, and about when its first item was, so that
// one time stands for all and no counter has seen their results.
int64_t PageEnd(std::span<const Impression> shown, int64_t begin, int64_t to) {
  int64_t end = begin + 1;
  while (end < static_cast<int64_t>(shown.size()) && end - begin < kPageItems &&
         shown[end].sort_key <= to &&
         shown[end].has_time == shown[begin].has_time &&
         shown[end].context == shown[begin].context &&
         shown[end].time_ms - shown[begin].time_ms <= kPageMs) {
    ++end;
  }
  return end;
}

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
    scratch.rows.clear();
    for (int64_t i = 0; i < range.query_count; ++i) {
      if (rows.weight[range.query_begin + i] > 0) {
        scratch.rows.push_back(range.query_begin + i);
      }
    }
    const size_t draws = std::min(
        static_cast<size_t>(options_.decoder_positions), scratch.rows.size());
    for (size_t draw = 0; draw < draws; ++draw) {
      const int64_t row = scratch.rows[rng.Below(scratch.rows.size())];
      SampleNext(rows, s, row, x, user, rng, scratch, out);
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
                           int64_t last_row, const Moment& moment, Rng& rng,
                           Scratch& scratch, DecoderGroup& group) const {
  const TrainingSequence& piece = rows.sequences[sequence];
  const int64_t first = rows.ranges[sequence].query_begin;
  group.first_row = first;
  group.last_row = last_row;
  group.start = piece.start;
  group.now_ms = moment.now_ms;
  const features::UserFeatures& record = rng.Bernoulli(options_.user_dropout)
                                             ? features_.nobody()
                                             : features_.user(piece.user);
  group.user_tokens = record.tokens;
  group.context = features_.context(moment.context);
  // No draw where there is nothing to drop: other data's streams stay.
  if (group.context != nullptr && rng.Bernoulli(options_.context_dropout)) {
    group.context = nullptr;
  }
  features::Pipeline::ClockFeatures(moment.now_ms, moment.has_time,
                                    group.clock);
  features_.Begin({.user = piece.user,
                   .record = &record,
                   .context = group.context,
                   .prefix = piece.history(last_row - first),
                   .now_ms = moment.now_ms,
                   .has_time = moment.has_time,
                   .training = true},
                  scratch.features);
}

void DecoderSampler::AddCandidate(int32_t item, int own, float log_weight,
                                  uint32_t followed, Rng& rng, Scratch& scratch,
                                  DecoderBatch& out) const {
  const bool as_new = rng.Bernoulli(options_.new_item_dropout);
  out.item.push_back(as_new ? item + split_.item_count() : item);
  out.log_weight.push_back(log_weight);
  out.followed.push_back(followed);
  const size_t width = static_cast<size_t>(features_.dense_width());
  out.dense.resize(out.dense.size() + width);
  const std::span<float> dense = std::span(out.dense).last(width);
  if (as_new) {
    features_.NewCandidate(item, scratch.features, dense);
  } else {
    features_.Candidate(item, own, scratch.features, dense);
  }
}

void DecoderSampler::SampleNext(const MatchBatch& rows, size_t sequence,
                                int64_t row, ConstMatrixView x,
                                ConstMatrixView user, Rng& rng,
                                Scratch& scratch, DecoderBatch& out) const {
  const TrainingSequence& piece = rows.sequences[sequence];
  const int64_t first = rows.ranges[sequence].query_begin;
  const Interaction& next = piece.events[piece.history(row - first).size()];
  DecoderGroup group;
  Begin(rows, sequence, row,
        {.now_ms = rows.query_time_ms[row],
         .has_time = next.has_time && network_.config().use_time,
         .context = next.context},
        rng, scratch, group);
  group.weight = rows.weight[row];
  group.begin = static_cast<int64_t>(out.item.size());
  // Items are their own active indices here.
  AddCandidate(rows.target[row], 1, 0, 0, rng, scratch, out);

  // The hardest negatives of the match term, the user's own items left out.
  // Items that training has not seen are none: see ActiveItems.
  const auto is_known = [&](int64_t item) {
    return cumulative_[item] > (item > 0 ? cumulative_[item - 1] : 0);
  };
  scratch.match.resize(x.rows());
  const float* u = user.row(row);
  scratch.order.clear();
  for (int64_t item = 0; item < x.rows(); ++item) {
    const float* vector = x.row(item);
    float dot = 0;
    for (int64_t d = 0; d < x.cols(); ++d) dot += u[d] * vector[d];
    scratch.match[item] = dot;
    if (!scratch.excluded[item] && is_known(item)) {
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
                 0, rng, scratch, out);
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
                 rng, scratch, out);
  }
  for (int32_t item : scratch.order) scratch.hard[item] = 0;
  group.end = static_cast<int64_t>(out.item.size());
  out.groups.push_back(group);
}

void DecoderSampler::FindPages(const TrainingSequence& piece, int64_t rows,
                               std::vector<Page>& pages) const {
  pages.clear();
  const std::span<const Impression> shown = dataset_.impressions(piece.user);
  const std::span<const Interaction> training = split_.training(piece.user);
  const int64_t before = piece.events.data() - training.data();
  const int64_t last_key = split_.training_limit(piece.user) - 1;
  int64_t at = 0;
  for (int64_t row = 0; row < rows; ++row) {
    // What was shown behind the row's newest event, up to the next one.
    const int64_t known =
        before + static_cast<int64_t>(piece.history(row).size());
    const int64_t to = known < static_cast<int64_t>(training.size())
                           ? std::min(training[known].sort_key, last_key)
                           : last_key;
    while (at < static_cast<int64_t>(shown.size()) && known > 0 &&
           shown[at].sort_key <= training[known - 1].sort_key) {
      ++at;
    }
    while (at < static_cast<int64_t>(shown.size()) &&
           shown[at].sort_key <= to) {
      const int64_t end = PageEnd(shown, at, to);
      // Those of the rows before belong to another piece, or are too old.
      if (row >= piece.loss_begin) pages.push_back({row, at, end});
      at = end;
    }
  }
}

void DecoderSampler::SamplePages(const MatchBatch& rows, size_t sequence,
                                 Rng& rng, Scratch& scratch,
                                 DecoderBatch& out) const {
  const TrainingSequence& piece = rows.sequences[sequence];
  const AttentionSequence& range = rows.ranges[sequence];
  const std::span<const Impression> shown = dataset_.impressions(piece.user);
  std::vector<Page>& pages = scratch.pages;
  FindPages(piece, range.query_count, pages);
  const size_t draws =
      std::min(pages.size(), static_cast<size_t>(options_.decoder_positions));
  for (size_t draw = 0; draw < draws; ++draw) {
    std::swap(pages[draw], pages[draw + rng.Below(pages.size() - draw)]);
    const Page& page = pages[draw];
    const Impression& first = shown[page.begin];
    DecoderGroup group;
    group.impression = true;
    Begin(rows, sequence, range.query_begin + page.row,
          {.now_ms = first.time_ms,
           .has_time = first.has_time && network_.config().use_time,
           .context = first.context},
          rng, scratch, group);
    group.begin = static_cast<int64_t>(out.item.size());
    for (const Impression& item :
         shown.subspan(page.begin, page.end - page.begin)) {
      uint32_t followed = 0;
      for (size_t bit = 0; bit < tasks_.size(); ++bit) {
        if (tasks_[bit] > 0 && (item.followed >> bit & 1u)) {
          followed |= 1u << (tasks_[bit] - 1);
        }
      }
      AddCandidate(item.item, 0, 0, followed, rng, scratch, out);
    }
    group.end = static_cast<int64_t>(out.item.size());
    out.groups.push_back(group);
  }
}

}  // namespace attune
