#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// Parses one JSON document (RFC 8259). InvalidArgument, naming `source` and
/// the place, for broken JSON, a key that is given twice in one object, or
/// nesting deeper than 64.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text,
                                         std::string_view source);

/// ParseJson of a file of at most 64 MiB; errors name the path.
absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path);

/// Indented, keys sorted, with a line feed at the end: equal values give equal
/// bytes. Numbers that are not finite become null. Written by WriteTextFile.
absl::Status WriteJsonFile(const std::string& path,
                           const nlohmann::json& value);

/// InvalidArgument, naming `where` ("manifest.json: files"), unless `object` is
/// an object whose keys are all in `known`.
absl::Status CheckKeys(const nlohmann::json& object,
                       std::initializer_list<std::string_view> known,
                       std::string_view where);

}  // namespace attune
