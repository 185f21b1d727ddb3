#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/model/model.h"

namespace attune {

/// Whether a model belongs to a database. FailedPrecondition, in one sentence,
/// for one that was trained on other data altogether; a warning on stderr for
/// columns that are missing. A database without items and events fits all.
absl::Status CheckModelFits(std::string_view command, const Model& model,
                            const std::string& database_path);

/// The same of a model directory, as a warning only: to rank with another's
/// model is odd, but nothing is changed by it. Nothing for an empty directory.
void WarnOfForeignModel(std::string_view command,
                        const std::string& model_directory,
                        const std::string& database_path);

}  // namespace attune
