#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/train/evaluate_model.h"
#include "storage/database.h"

namespace attune {

/// `model` with `keep` (0 to 1) of the hidden units of every block's
/// feed-forward part, in multiples of 16: those with the largest product of the
/// norms of what they read and what they write (magnitude pruning, Han et al.
/// 2015). Without golden requests. InvalidArgument where nothing would go, or
/// all.
absl::StatusOr<Model::Parts> PruneFeedForward(const Model& model, float keep);

struct PruneModelOptions {
  std::string output;  ///< the model directory to write
  float keep = 0.5f;
  EvaluateModelOptions evaluation;
};

struct PruneModelResult {
  std::string version;
  int units_before = 0, units = 0;  ///< of each block
  EvaluationReport before, after;   ///< on the held-out targets
};

/// Prunes a model, evaluates both, and writes the smaller one with golden
/// requests of its own. What was lost can be trained again with
/// TrainModelOptions::from.
absl::StatusOr<PruneModelResult> PruneModel(storage::Database& database,
                                            const Model& model,
                                            const PruneModelOptions& options);

}  // namespace attune
