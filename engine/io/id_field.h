#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/record.h"

namespace attune {

/// A field that names something: a TSV cell or JSON string as it is, a JSON
/// number by its digits if it is whole (7, but not 7.0 or 7e1, which would be
/// another id than 7). InvalidArgument for everything else; an empty or missing
/// field is the caller's business. The view is the field's.
absl::StatusOr<std::string_view> IdOf(const RecordField& field);

/// The same of a list: a JSON list of such values, or a TSV cell "a|b". An
/// empty id in it is an error, and so is a single JSON value.
absl::StatusOr<std::vector<std::string_view>> IdListOf(
    const RecordField& field);

}  // namespace attune
