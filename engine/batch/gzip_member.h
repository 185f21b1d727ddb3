#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

/// `text` as a complete gzip file. Several of them one after the other are one
/// gzip file too (RFC 1952), so output can be cut between two and continued.
/// Equal texts give equal bytes (no time in the header).
absl::StatusOr<std::string> GzipMember(std::string_view text);

}  // namespace attune
