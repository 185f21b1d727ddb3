#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "features/schema.h"
#include "storage/database.h"

namespace attune {

/// Where a database keeps its schema (Schema::ToJson) among its meta rows.
inline constexpr std::string_view kSchemaMetaKey = "schema";

/// The stored schema; an empty one, with the default actions, where nothing was
/// ingested yet. DataLoss where the stored text is no schema.
absl::StatusOr<features::Schema> LoadSchema(storage::Database& database);

/// `declared` with the columns of `stored` that it does not have, and with the
/// stored actions where it leaves its own at their defaults.
absl::StatusOr<features::Schema> MergeSchemas(features::Schema declared,
                                              const features::Schema& stored);

}  // namespace attune
