#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// The whole content of a regular file. ResourceExhausted where it is larger
/// than `max_bytes`; errors name the path.
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         size_t max_bytes = size_t{64} << 20);

/// Replaces the file by rename, so that a reader sees the old content or the
/// new one and a crash leaves one of the two. On return it is on the disk.
absl::Status WriteTextFile(const std::string& path, std::string_view content);

/// Makes a rename in `directory` survive the machine's death.
absl::Status SyncDirectory(const std::string& directory);

}  // namespace attune
