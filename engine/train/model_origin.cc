#include "engine/train/model_origin.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "features/schema.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kColumnsNamed = 3;

// The member of an object that is one; else null.
Json Member(const Json& json, const char* name) {
  return json.is_object() && json.contains(name) ? json[name] : Json();
}

int ReadCount(const Json& json, int otherwise) {
  return json.is_number_integer() ? json.get<int>() : otherwise;
}

// How many items there are, and whether the model knows one of the records;
// the pass ends with the first.
absl::Status LookForKnown(const Model& model, storage::Database& database,
                          ModelFit* fit) {
  const absl::Status found = absl::AlreadyExistsError("found");
  const auto look = [&](std::string_view item_id) {
    ++fit->items;
    return model.IdRow(item_id) >= 0 ? found : absl::OkStatus();
  };
  absl::Status status = database.ForEachItem(
      [&](const v1::Item& item) { return look(item.item_id()); });
  if (status.ok()) {
    // Items may have events and no record.
    status = database.ForEachCounters(
        [&](std::string_view item_id, const v1::Counters&) {
          return look(item_id);
        });
  }
  fit->foreign = status.ok() && fit->items > 0 && model.config().item_count > 0;
  return status == found ? absl::OkStatus() : status;
}

}  // namespace

ModelOrigin OriginOf(const Model& model) {
  ModelOrigin origin;
  const Json report = Json::parse(model.report_json(), nullptr,
                                  /*allow_exceptions=*/false);
  const Json fingerprint = Member(Member(report, "data"), "fingerprint");
  if (fingerprint.is_string()) origin.fingerprint = fingerprint;
  const Json split = Member(report, "split");
  // Reports of before say the protocol with the metrics, and nothing more.
  const Json name = split.is_object()
                        ? Member(split, "protocol")
                        : Member(Member(report, "evaluation"), "protocol");
  if (!name.is_string()) return origin;
  const absl::StatusOr<Protocol> protocol =
      ParseProtocol(name.get_ref<const std::string&>());
  if (!protocol.ok()) return origin;
  origin.has_split = true;
  origin.split.protocol = *protocol;
  origin.split.test_days = ReadCount(Member(split, "test_days"), 0);
  origin.split.min_positives =
      ReadCount(Member(split, "min_positives"), origin.split.min_positives);
  return origin;
}

absl::StatusOr<ModelFit> FitOf(const Model& model,
                               storage::Database& database) {
  ModelFit fit;
  ATTUNE_RETURN_IF_ERROR(LookForKnown(model, database, &fit));
  if (fit.items == 0) return fit;  // all is to come
  ATTUNE_ASSIGN_OR_RETURN(
      const features::Schema trained,
      features::Schema::FromJson(model.schema_json(), "schema.json"));
  ATTUNE_ASSIGN_OR_RETURN(const features::Schema here, LoadSchema(database));
  for (const features::Column& column : trained.columns()) {
    // Columns of events are no features yet.
    if (column.entity == features::Entity::kEvent ||
        here.Find(column.entity, column.name) != nullptr) {
      continue;
    }
    fit.missing_columns.push_back(
        StrCat(features::EntityName(column.entity), ".", column.name));
  }
  return fit;
}

std::string FitWarning(const ModelFit& fit, const std::string& database_path) {
  if (fit.foreign) {
    return StrCat("none of the items of ", database_path,
                  " was in the model's training: it belongs to other data; "
                  "train one on this database");
  }
  if (fit.missing_columns.empty()) return {};
  std::string names;
  for (size_t i = 0; i < fit.missing_columns.size() && i < kColumnsNamed; ++i) {
    names += StrCat(i == 0 ? "" : ", ", fit.missing_columns[i]);
  }
  if (fit.missing_columns.size() > kColumnsNamed) names += ", …";
  return StrCat("the model was trained with columns that ", database_path,
                " does not have (", names,
                "): is it of other data? They count as missing");
}

}  // namespace attune
