#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/train/options.h"

namespace attune {

/// How a model was trained, from its report.json, with what suits a short
/// continuation: half the learning rates, 10 and 6 epochs at most and a
/// patience of 3.
/// FailedPrecondition where the report does not say.
absl::StatusOr<TrainOptions> ContinuedOptions(const Model& model);

/// The weights of `model` in the layout of `config`, which has the same
/// architecture over tables that may have grown, shrunk or been put in another
/// order: rows of items (`item_ids` are those of the new id table) and actions
/// go where their names went; an item's first row is zero, as it was served
/// without one, an action's is `fresh`'s. `fresh` are initial values of the new
/// layout. FailedPrecondition where anything else differs, such as the tasks.
absl::StatusOr<std::vector<float>> ContinuedWeights(
    const Model& model, const ModelConfig& config,
    std::span<const std::string> item_ids, std::vector<float> fresh);

/// FailedPrecondition where what `model` foretold of held-out events `before`
/// (NDCG@10, and GAUC where there are impressions) is better than what its
/// continuation does `now`.
absl::Status CheckNotWorse(const Model& model, double before, double now);

}  // namespace attune
