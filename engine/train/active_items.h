#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/train/match_step.h"
#include "engine/train/options.h"
#include "engine/train/split.h"

namespace attune {

/// The items that a match step's softmax runs over: all that occur in the
/// training part where these are few, else the batch's own and uniform
/// negatives among them, with the logQ correction. Items without an event are
/// none: always in the wrong, they would only teach that what is new is bad.
/// Holds a reference to the split.
class ActiveItems {
 public:
  ActiveItems(const Split& split, const TrainOptions& options);

  /// Draws those of one step; false, and nothing changed, where all are.
  bool Choose(std::span<const TrainingSequence> batch, uint64_t seed);

  /// Dataset items, in the order of their active indices.
  std::span<const int32_t> list() const { return list_; }
  /// Active index by dataset item, -1 = not active.
  std::span<const int32_t> index() const { return index_; }
  /// What is added to each item's logit; empty where all are active.
  std::span<const float> class_bias() const { return class_bias_; }

 private:
  void Activate(int32_t item);

  const Split& split_;
  int sampled_negatives_ = 0;  // 0: all are active
  std::vector<int32_t> list_, index_;
  std::vector<float> class_bias_;
  std::vector<int64_t> training_counts_;  // by dataset item
  std::vector<int32_t> known_;            // items with training events
};

}  // namespace attune
