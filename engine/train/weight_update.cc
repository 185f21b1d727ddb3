#include "engine/train/weight_update.h"

#include <utility>

#include "base/status_macros.h"
#include "engine/train/schedule.h"
#include "engine/train/weight_average.h"

namespace attune {

absl::StatusOr<WeightUpdate> WeightUpdate::Create(
    const ParameterLayout& layout, const TrainOptions& options,
    int64_t first_decoder_value, std::array<int64_t, 2> steps_per_epoch) {
  WeightUpdate update;
  update.options_ = options;
  update.boundary_ = first_decoder_value;
  update.size_ = layout.size();
  update.steps_per_epoch_ = steps_per_epoch;
  std::vector<AdamWRange> ranges[2];
  for (const Parameter& parameter : layout.list()) {
    ranges[parameter.offset >= first_decoder_value].push_back(
        {.begin = parameter.offset,
         .size = parameter.size(),
         .weight_decay = parameter.decay ? options.weight_decay : 0.0f});
  }
  AdamWOptions adam;
  adam.clip_norm = options.gradient_clip;
  for (std::vector<AdamWRange>& stage : ranges) {
    ATTUNE_ASSIGN_OR_RETURN(
        AdamW optimiser, AdamW::Create(update.size_, std::move(stage), adam));
    update.optimisers_.push_back(std::move(optimiser));
  }
  return update;
}

absl::Status WeightUpdate::Apply(std::span<TrainingShard> shards,
                                 ThreadPool& pool, TrainerState& state) const {
  const bool decoder = state.stage == 1;
  ReduceGradients(decoder ? boundary_ : 0, decoder ? size_ : boundary_, shards,
                  pool);
  const int epochs = decoder ? options_.decoder_epochs : options_.epochs;
  const WarmupCosine schedule{options_.warmup_steps,
                              steps_per_epoch_[state.stage] * epochs,
                              options_.final_rate};
  const float rate =
      (decoder ? options_.decoder_learning_rate : options_.learning_rate) *
      schedule.At(state.step);
  ++state.step;
  ATTUNE_RETURN_IF_ERROR(optimisers_[state.stage]
                             .Step({state.values, shards[0].gradients,
                                    state.first_moment, state.second_moment},
                                   state.step, rate, pool)
                             .status());
  if (!state.average.empty()) {
    UpdateAverage(options_.average_decay, state.step, state.values,
                  state.average, pool);
  }
  return absl::OkStatus();
}

}  // namespace attune
