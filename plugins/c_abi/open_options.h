#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "engine/engine.h"

namespace attune {

/// The engine's options from the JSON of attune_open (keys: see attune.h).
/// InvalidArgument names the key and what it should be; unknown and repeated
/// keys are errors. Does not touch the file system.
absl::StatusOr<EngineOptions> ParseOpenOptions(std::string_view json);

}  // namespace attune
