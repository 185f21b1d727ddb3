#include "engine/train/training_shard.h"

#include <algorithm>

#include "base/status_macros.h"

namespace attune {
namespace {

// When the first training impression behind a piece's last event was shown.
int64_t TimeBehind(const Dataset& dataset, const TrainingSequence& piece) {
  const Interaction& last = piece.events.back();
  for (const Impression& shown : dataset.impressions(piece.user)) {
    if (shown.sort_key > last.sort_key && shown.has_time) return shown.time_ms;
  }
  return last.time_ms;
}

}  // namespace

void FillShards(const Network& network, const TrainingData& data,
                std::span<const TrainingSequence> batch,
                std::span<const int32_t> active, bool with_last,
                std::span<TrainingShard> shards) {
  for (TrainingShard& shard : shards) shard.rows.Clear();
  // Longest first to the emptiest shard: even, and the same for a given number
  // of shards.
  std::vector<size_t> order(batch.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const size_t of_a = batch[a].events.size(), of_b = batch[b].events.size();
    return of_a != of_b ? of_a > of_b : a < b;
  });
  for (const size_t i : order) {
    const TrainingSequence& piece = batch[i];
    TrainingShard* emptiest = shards.data();
    for (TrainingShard& shard : shards) {
      if (shard.rows.rows() < emptiest->rows.rows()) emptiest = &shard;
    }
    emptiest->rows.Add(network, piece, active, data.actions,
                       data.action_weights);
    if (with_last && !piece.start) {
      emptiest->rows.AddLast(network, active, data.actions,
                             TimeBehind(*data.dataset, piece));
    }
  }
}

absl::StatusOr<double> SumLosses(std::span<const TrainingShard> shards) {
  double loss = 0;
  for (const TrainingShard& shard : shards) {
    ATTUNE_RETURN_IF_ERROR(shard.status);
    loss += shard.loss;
  }
  return loss;
}

void ReduceGradients(int64_t begin, int64_t end,
                     std::span<TrainingShard> shards, ThreadPool& pool) {
  constexpr int64_t kChunk = 1 << 16;
  const int64_t chunks = (end - begin + kChunk - 1) / kChunk;
  pool.ParallelFor(chunks, [&](int64_t chunk) {
    const int64_t from = begin + chunk * kChunk;
    const int64_t to = std::min(from + kChunk, end);
    float* sum = shards[0].gradients.data();
    for (size_t s = 1; s < shards.size(); ++s) {
      const float* add = shards[s].gradients.data();
      for (int64_t i = from; i < to; ++i) sum[i] += add[i];
    }
  });
}

}  // namespace attune
