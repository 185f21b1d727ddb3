#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/train/evaluation_report.h"
#include "engine/train/split.h"
#include "storage/database.h"

namespace attune {

struct EvaluateModelOptions {
  SplitOptions split;
  std::vector<int> ks = {10, 50};
  int rerank = 1000;  ///< candidates that the full ranker sees, as in serving
  int threads = 1;
  bool with_baselines = true;
  const std::atomic<bool>* cancelled = nullptr;
};

/// Ranks the held-out targets of a protocol with a trained model, as serving
/// would (Scorer, stored features), beside popularity and both kNN. A model is
/// only held out from targets if it was trained under the same protocol.
absl::StatusOr<EvaluationReport> EvaluateModel(
    storage::Database& database, const Model& model,
    const EvaluateModelOptions& options);

}  // namespace attune
