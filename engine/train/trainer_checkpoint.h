#pragma once

#include <string>

#include "absl/status/status.h"
#include "engine/train/trainer_state.h"

namespace attune {

/// Where a training stands, as a checkpoint file (checkpoint.h). `identity`
/// says what the state is good for: a resume with another is refused.

absl::Status SaveTrainerState(const std::string& path,
                              const std::string& identity,
                              const TrainerState& state);

/// Leaves `state` as it is where there is no such file. FailedPrecondition for
/// one of another identity, DataLoss for a damaged one.
absl::Status LoadTrainerState(const std::string& path,
                              const std::string& identity, TrainerState& state);

}  // namespace attune
