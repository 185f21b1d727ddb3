#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "attention/backend.h"
#include "base/parallel.h"
#include "engine/train/active_items.h"
#include "engine/train/item_pass.h"
#include "engine/train/match_step.h"
#include "engine/train/options.h"
#include "engine/train/training_data.h"
#include "engine/train/training_shard.h"

namespace attune {

/// A batch of the match stage: the item tower forward, the next-item loss of
/// every shard, and both back. All references must outlive it.
class MatchStage {
 public:
  MatchStage(const Network& network, const TrainingData& data,
             const TrainOptions& options);
  /// Enter through RunSerial().
  absl::Status Prepare(const Backend& backend) {
    return step_.Prepare(backend);
  }

  /// Step `number` of the stage. Leaves the gradients in the shards; returns
  /// the loss.
  absl::StatusOr<double> Run(std::span<const TrainingSequence> batch,
                             int64_t number, std::span<const float> values,
                             std::span<TrainingShard> shards, ThreadPool& pool);

 private:
  const Network& network_;
  const TrainingData& data_;
  const TrainOptions& options_;
  MatchStep step_;
  ItemPass items_;
  ActiveItems active_;
  std::vector<float> active_x_;  // of the step
};

}  // namespace attune
