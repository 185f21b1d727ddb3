#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/parallel.h"
#include "engine/model/network.h"
#include "engine/train/adamw.h"
#include "engine/train/options.h"
#include "engine/train/trainer_state.h"
#include "engine/train/training_shard.h"

namespace attune {

/// From a step's gradients to new weights: their sum over the shards, the
/// schedule's rate, AdamW on the stage's part of the weights, their average.
class WeightUpdate {
 public:
  /// The decoder stage trains the floats from `first_decoder_value` on, the
  /// match stage those before.
  static absl::StatusOr<WeightUpdate> Create(
      const ParameterLayout& layout, const TrainOptions& options,
      int64_t first_decoder_value, std::array<int64_t, 2> steps_per_epoch);

  /// Counts the step. FailedPrecondition, with the weights unchanged, for
  /// gradients that are not finite.
  absl::Status Apply(std::span<TrainingShard> shards, ThreadPool& pool,
                     TrainerState& state) const;

 private:
  WeightUpdate() = default;
  TrainOptions options_;
  int64_t boundary_ = 0, size_ = 0;
  std::array<int64_t, 2> steps_per_epoch_ = {1, 1};  // by stage
  std::vector<AdamW> optimisers_;                    // one per stage
};

}  // namespace attune
