#include "engine/ingest/database_schema.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/status_macros.h"

namespace attune {

absl::StatusOr<features::Schema> LoadSchema(storage::Database& database) {
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                          database.GetMeta(kSchemaMetaKey));
  if (!text.has_value()) return features::Schema();
  absl::StatusOr<features::Schema> schema =
      features::Schema::FromJson(*text, "the database's schema");
  if (!schema.ok()) return absl::DataLossError(schema.status().message());
  return schema;
}

absl::StatusOr<features::Schema> MergeSchemas(features::Schema declared,
                                              const features::Schema& stored) {
  for (const features::Column& column : stored.columns()) {
    if (declared.Find(column.entity, column.name) == nullptr) {
      ATTUNE_RETURN_IF_ERROR(declared.AddColumn(column));
    }
  }
  if (declared.actions() == features::ActionPolicy()) {
    declared.actions() = stored.actions();
  }
  if (declared.name_map().empty()) declared.set_name_map(stored.name_map());
  return declared;
}

}  // namespace attune
