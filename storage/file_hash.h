#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace attune::storage {

/// xxh3-128 of a file's bytes as they lie on disk (a .gz is hashed packed), as
/// 32 hex digits: the key of the ingest journal. NotFound or another error
/// naming the path. Reads at about the disk's speed, holds 1 MiB.
absl::StatusOr<std::string> HashFile(const std::string& path);

}  // namespace attune::storage
