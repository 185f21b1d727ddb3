#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/config.h"
#include "engine/train/dataset.h"
#include "engine/train/match_step.h"
#include "engine/train/options.h"
#include "engine/train/split.h"

namespace attune {

/// The training part of a split in pieces that fit the window, one more per
/// user for the empty history at its begin, and how an epoch shuffles them into
/// batches. Views of the split's events. Immutable.
class SequenceBatches {
 public:
  using Batch = std::vector<TrainingSequence>;

  /// `since`: only events with this sort_key or a later one are targets.
  /// FailedPrecondition where no user has two events, or none of them is.
  static absl::StatusOr<SequenceBatches> Create(
      const Dataset& dataset, const Split& split, const ModelConfig& config,
      const TrainOptions& options,
      int64_t since = std::numeric_limits<int64_t>::min());

  /// All pieces of a stage (0 match, 1 decoder) in an order of the epoch's own,
  /// cut where a batch would have more than the options' rows.
  std::vector<Batch> Epoch(int stage, int epoch) const;

  /// Batches of an epoch, by stage.
  const std::array<int64_t, 2>& steps_per_epoch() const {
    return steps_per_epoch_;
  }

 private:
  SequenceBatches() = default;
  std::vector<TrainingSequence> pieces_;
  std::vector<TrainingSequence> decoder_pieces_;  // empty: the same
  uint64_t seed_ = 0;
  std::array<int64_t, 2> rows_per_batch_ = {};   // by stage
  std::array<int64_t, 2> steps_per_epoch_ = {};  // by stage
};

}  // namespace attune
