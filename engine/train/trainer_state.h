#pragma once

#include <cstdint>
#include <vector>

namespace attune {

/// Where training stands; all that a resume needs, since every random stream is
/// derived from (seed, stage, epoch, step, shard).
struct TrainerState {
  int stage = 0;  ///< 0 match, 1 decoder, 2 done
  int epoch = 0;  ///< finished epochs of the stage
  int64_t step = 0;
  int stale_epochs = 0;
  double best_metric = -1;
  /// The weights are those of a model: a stage begins by measuring them, and
  /// keeps them where no epoch is better. Not in a checkpoint.
  bool continued = false;
  std::vector<float> values, best_values;
  std::vector<float> average;  ///< of values; empty without average_decay
  std::vector<float> first_moment, second_moment;
};

}  // namespace attune
