#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/cancel_flag.h"
#include "engine/train/catalogue.h"
#include "engine/train/dataset.h"
#include "engine/train/example_features.h"
#include "engine/train/split.h"

namespace attune {

/// Everything a trainer reads. What is pointed to must outlive it.
struct TrainingData {
  const Dataset* dataset = nullptr;
  const Split* split = nullptr;
  const Catalogue* catalogue = nullptr;
  const ExampleFeatures* features = nullptr;
  /// Dataset action to ModelConfig::actions index.
  std::vector<int32_t> actions;
  /// Loss weight of a target by dataset action; empty: all 1.
  std::vector<float> action_weights;
  /// Dataset task bit to ModelConfig::tasks index, -1 = not a task.
  std::vector<int32_t> tasks;
  /// Only what came at this sort_key or later is trained on; what is older is
  /// the history before it.
  int64_t since = std::numeric_limits<int64_t>::min();
  /// Looked at after every step and every evaluated case.
  CancelFlag cancelled;
};

}  // namespace attune
