#include "engine/train/decoder_stage.h"

#include <algorithm>
#include <numeric>

#include "base/status_macros.h"
#include "engine/train/random_stream.h"

namespace attune {
namespace {

// Layout order is items, history, decoder, fusion, tasks.
int64_t FirstDecoderValue(const Network& network) {
  for (const Parameter& parameter : network.layout().list()) {
    if (parameter.name.starts_with("decoder.")) return parameter.offset;
  }
  return network.layout().size();
}

}  // namespace

DecoderStage::DecoderStage(const Network& network, const TrainingData& data,
                           const TrainOptions& options)
    : network_(network),
      data_(data),
      options_(options),
      step_(network),
      sampler_(network, options, *data.dataset, *data.split, *data.features,
               data.tasks),
      first_value_(FirstDecoderValue(network)),
      identity_(data.split->item_count()) {
  std::iota(identity_.begin(), identity_.end(), 0);
}

absl::StatusOr<double> DecoderStage::Run(
    std::span<const TrainingSequence> batch, int64_t number,
    std::span<const float> values, std::span<TrainingShard> shards,
    ThreadPool& pool) {
  FillShards(network_, data_, batch, identity_,
             /*with_last=*/network_.config().tasks.size() > 1, shards);
  const int64_t width = network_.config().width;
  const int64_t items = static_cast<int64_t>(identity_.size());
  const ConstMatrixView x(x_.data(), {2 * items, width});
  const int64_t count = static_cast<int64_t>(shards.size());
  const uint64_t seed =
      StreamSeed(options_.seed, 1, number, RandomUse::kDecoderStep);
  std::vector<MatrixView> memory(shards.size()), user(shards.size());
  pool.ParallelFor(count, [&](int64_t s) {
    TrainingShard& shard = shards[s];
    shard.context.workspace.Reset();
    std::fill(shard.gradients.begin() + first_value_, shard.gradients.end(),
              0.0f);
    shard.groups.Clear();
    shard.status = absl::OkStatus();
    if (shard.rows.rows() == 0) return;
    memory[s] = shard.context.workspace.Matrix(shard.rows.rows(), width);
    user[s] = shard.context.workspace.Matrix(shard.rows.rows(), width);
    Rng rng(seed + static_cast<uint64_t>(s));
    shard.rows.Augment({.basket_weight = options_.decoder_basket_weight},
                       identity_, rng);
    shard.status = step_.EncodeRows(shard.context, values, x, shard.rows,
                                    options_.decoder_match_dropout, rng,
                                    memory[s], user[s]);
    if (!shard.status.ok()) return;
    sampler_.Sample(shard.rows, x.rows_slice(0, items), user[s], rng,
                    shard.scratch, shard.groups);
  });
  double next = 0, shown = 0;
  for (const TrainingShard& shard : shards) {
    ATTUNE_RETURN_IF_ERROR(shard.status);
    for (const DecoderGroup& group : shard.groups.groups) {
      next += group.impression ? 0 : group.weight;
      shown +=
          group.impression ? static_cast<double>(group.end - group.begin) : 0;
    }
  }
  pool.ParallelFor(count, [&](int64_t s) {
    TrainingShard& shard = shards[s];
    shard.loss = 0;
    if (shard.rows.rows() == 0) return;
    DecoderStep::Inputs inputs;
    inputs.values = values;
    inputs.x = x;
    inputs.memory = memory[s];
    inputs.user = user[s];
    if (shard.rows.timed) inputs.key_time_ms = shard.rows.key_time_ms;
    inputs.next_scale = static_cast<float>(1.0 / std::max(next, 1.0));
    inputs.impression_scale =
        static_cast<float>(options_.impression_weight / std::max(shown, 1.0));
    inputs.dropout = options_.decoder_dropout;
    inputs.z_dropout = options_.fusion_z_dropout;
    Rng rng(seed + 1000 + static_cast<uint64_t>(s));
    const absl::StatusOr<double> loss =
        step_.Run(shard.context, shard.groups, inputs, rng, shard.gradients);
    shard.status = loss.status();
    shard.loss = loss.ok() ? *loss : 0;
  });
  return SumLosses(shards);
}

}  // namespace attune
