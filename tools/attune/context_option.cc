#include "tools/attune/context_option.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "engine/ingest/field_values.h"
#include "engine/io/excerpt.h"
#include "tools/attune/open_engine.h"

namespace attune {

void AddContextOption(CLI::App& command, std::vector<std::string>* values) {
  command.add_option("--context", *values,
                     "What is known of the moment, as NAME=VALUE: a query, a "
                     "scene, … (may be given again)");
}

absl::Status AddContextField(
    const features::Schema& schema, const RecordField& field,
    google::protobuf::RepeatedPtrField<v1::Feature>* context) {
  if (!schema.IsContext(field.name)) {
    return absl::InvalidArgumentError(StrCat(
        "is no context; the database declares: ", schema.ContextNames()));
  }
  if (field.missing()) return absl::OkStatus();
  v1::Feature& feature = *context->Add();
  feature.set_name(std::string(field.name));
  return SetFieldValue(field,
                       schema.Find(features::Entity::kEvent, field.name)->type,
                       feature.mutable_value());
}

absl::StatusOr<std::vector<v1::Feature>> MakeContext(
    const std::vector<std::string>& values, const std::string& database) {
  std::vector<v1::Feature> result;
  if (values.empty()) return result;
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> opened,
                          OpenDatabaseFollower(database));
  ATTUNE_ASSIGN_OR_RETURN(const features::Schema schema, LoadSchema(*opened));
  google::protobuf::RepeatedPtrField<v1::Feature> context;
  for (const std::string& value : values) {
    const size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          StrCat("--context ", Excerpt(value), ": expected NAME=VALUE"));
    }
    RecordField field;
    field.name = std::string_view(value).substr(0, equals);
    field.text = std::string_view(value).substr(equals + 1);
    field.kind = field.text.empty() ? RecordField::Kind::kMissing
                                    : RecordField::Kind::kCell;
    const absl::Status added = AddContextField(schema, field, &context);
    if (!added.ok()) {
      return absl::InvalidArgumentError(StrCat(
          "--context ", Excerpt(field.name), ": ", ToStd(added.message())));
    }
  }
  result.assign(context.begin(), context.end());
  return result;
}

}  // namespace attune
