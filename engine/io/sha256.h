#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

/// SHA-256 as 64 lower-case hex digits.
absl::StatusOr<std::string> Sha256(std::string_view bytes);

struct FileDigest {
  std::string sha256;
  int64_t size_bytes = 0;
};

/// Of a regular file's content; errors name the path. Holds 1 MiB.
absl::StatusOr<FileDigest> Sha256OfFile(const std::string& path);

}  // namespace attune
