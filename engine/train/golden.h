#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/train/training_set.h"
#include "storage/database.h"

namespace attune {

/// Self-contained requests (inline history, records and time) drawn evenly from
/// the test cases, with the scores that `parts` gives now: serialised
/// v1.Golden for the model directory.
absl::StatusOr<std::string> MakeGolden(storage::Database& database,
                                       const TrainingSet& set,
                                       const Model::Parts& parts,
                                       const std::string& backend);

}  // namespace attune
