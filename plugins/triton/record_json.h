#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "proto/records.pb.h"

namespace attune::triton {

/// A record of a request as a JSON object, with the names that `attune ingest`
/// reads: item_id, title, description, tags, categories, unavailable; all else
/// is a feature (number, true or false as 1 or 0, text, list of texts; null is
/// missing). InvalidArgument names the field.
absl::Status ParseItemJson(std::string_view text, v1::Item* item);

/// {"age": 31, "country": "NO"}: features.
absl::Status ParseUserJson(std::string_view text, v1::User* user);

/// {"query": "sea stories", "tab": "home"}: likewise.
absl::Status ParseContextJson(
    std::string_view text,
    google::protobuf::RepeatedPtrField<v1::Feature>* context);

}  // namespace attune::triton
