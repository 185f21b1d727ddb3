#include "engine/train/match_stage.h"

#include <algorithm>
#include <numeric>

#include "base/status_macros.h"
#include "engine/train/random_stream.h"

namespace attune {

MatchStage::MatchStage(const Network& network, const TrainingData& data,
                       const TrainOptions& options)
    : network_(network),
      data_(data),
      options_(options),
      step_(network),
      items_(network, *data.catalogue, options.threads),
      active_(*data.split, options) {
  items_.SetActive(active_.list());
}

absl::StatusOr<double> MatchStage::Run(std::span<const TrainingSequence> batch,
                                       int64_t number,
                                       std::span<const float> values,
                                       std::span<TrainingShard> shards,
                                       ThreadPool& pool) {
  const uint64_t seed =
      StreamSeed(options_.seed, 0, number, RandomUse::kMatchStep);
  if (active_.Choose(batch, seed)) items_.SetActive(active_.list());
  FillShards(network_, data_, batch, active_.index(), /*with_last=*/false,
             shards);
  Rng augment_rng(
      StreamSeed(options_.seed, 0, number, RandomUse::kAugmentation));
  for (TrainingShard& shard : shards) {
    shard.rows.Augment({.event_dropout = options_.event_dropout,
                        .target_skip = options_.target_skip},
                       active_.index(), augment_rng);
  }
  const int64_t active = items_.active_count();
  const int64_t width = network_.config().width;
  active_x_.resize(static_cast<size_t>(active * width));
  const MatrixView x(active_x_.data(), {active, width});
  ATTUNE_RETURN_IF_ERROR(
      items_.Forward(pool, values, options_.id_dropout, seed, x));
  float counted = 0;
  for (const TrainingShard& shard : shards) {
    counted = std::accumulate(shard.rows.weight.begin(),
                              shard.rows.weight.end(), counted);
  }
  MatchStep::Inputs inputs;
  inputs.values = values;
  inputs.x = x;
  inputs.class_bias = active_.class_bias();
  inputs.loss_scale = 1.0f / std::max(counted, 1.0f);
  inputs.dropout = options_.dropout;
  inputs.exclude_seen = options_.exclude_seen;
  pool.ParallelFor(static_cast<int64_t>(shards.size()), [&](int64_t s) {
    TrainingShard& shard = shards[s];
    shard.context.workspace.Reset();
    std::fill(shard.gradients.begin(), shard.gradients.end(), 0.0f);
    shard.dx.assign(static_cast<size_t>(active * width), 0.0f);
    Rng rng(seed + 1000 + static_cast<uint64_t>(s));
    const absl::StatusOr<double> loss = step_.Run(
        shard.context, shard.rows, inputs, rng,
        MatrixView(shard.dx.data(), {active, width}), shard.gradients);
    shard.status = loss.status();
    shard.loss = loss.ok() ? *loss : 0;
  });
  ATTUNE_ASSIGN_OR_RETURN(const double loss, SumLosses(shards));
  for (size_t s = 1; s < shards.size(); ++s) {
    for (size_t i = 0; i < shards[0].dx.size(); ++i) {
      shards[0].dx[i] += shards[s].dx[i];
    }
  }
  std::vector<std::span<float>> gradients;
  for (TrainingShard& shard : shards) gradients.emplace_back(shard.gradients);
  ATTUNE_RETURN_IF_ERROR(items_.Backward(
      pool, values, ConstMatrixView(shards[0].dx.data(), {active, width}),
      gradients));
  return loss;
}

}  // namespace attune
