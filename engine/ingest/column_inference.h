#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/column_map.h"
#include "features/schema.h"
#include "features/schema_inferrer.h"

namespace attune {

/// The names that columns have in the file itself: TSV, its header; JSON lines,
/// the keys of the first 1,000 rows.
absl::StatusOr<std::vector<std::string>> FileColumns(const std::string& path);

/// Shows the first `rows` rows of a file to the inferrer. Bad rows are passed
/// over: they are reported when the file is taken. The result depends on the
/// file's content and `schema` only, so that a resumed run finds the same.
absl::Status ObserveFile(const std::string& path, features::Entity entity,
                         const ColumnMap& map, const features::Schema& schema,
                         int64_t rows, features::SchemaInferrer* inferrer);

}  // namespace attune
