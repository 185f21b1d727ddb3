#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "features/action_policy.h"
#include "features/column.h"
#include "proto/records.pb.h"

namespace attune::features {

/// What the columns of a team's data are and what its actions mean:
/// schema.json. Stored in the database by ingest and inside every model. Const
/// use is thread-safe.
///
///   {"columns": [{"name": "year", "entity": "item", "type": "numeric",
///                 "transform": "standardise", "inferred": true},
///                {"name": "query", "entity": "event", "type": "text",
///                 "context": true}],
///    "map": {"item_id": "book_id"},
///    "actions": {"default": "view", "order": ["purchase", "click"],
///                "result_columns": ["long_view"],
///                "rules": [{"name": "view", "history": true,
///                           "positive": false, "weight": 0.5}]}}
/// Every field but a column's name, entity and type may be absent.
class Schema {
 public:
  /// InvalidArgument names `source` and the place, such as
  /// `schema.json: columns[2].type: unknown type "nmeric"`. Unknown and
  /// repeated fields are refused.
  static absl::StatusOr<Schema> FromJson(std::string_view text,
                                         std::string_view source = "schema");
  /// Stable text: equal schemas give equal bytes.
  std::string ToJson() const;

  /// Adds a column. InvalidArgument for an empty name, a transform that does
  /// not fit the type or a wrong type for a fixed field; AlreadyExists where
  /// the entity has a column of that name.
  absl::Status AddColumn(Column column);
  /// Null where neither declared nor inferred. Valid until the next AddColumn.
  const Column* Find(Entity entity, std::string_view name) const;
  /// In order of declaration.
  const std::vector<Column>& columns() const { return columns_; }

  /// Says that the event column is known when a request is made. NotFound
  /// where there is no such column; InvalidArgument where it is ignored, or
  /// tells what followed an impression. `type` replaces the column's.
  absl::Status DeclareContext(std::string_view name,
                              std::optional<ColumnType> type = std::nullopt);
  bool IsContext(std::string_view name) const {
    const Column* column = Find(Entity::kEvent, name);
    return column != nullptr && column->context;
  }
  /// `"query" (text), "tab" (categorical)`, for messages; "none".
  std::string ContextNames() const;

  ActionPolicy& actions() { return actions_; }
  const ActionPolicy& actions() const { return actions_; }

  /// Names in files: canonical name to the file's name ("item_id": "book_id").
  const std::map<std::string, std::string>& name_map() const {
    return name_map_;
  }
  void set_name_map(std::map<std::string, std::string> names) {
    name_map_ = std::move(names);
  }

  /// The action that a 0/1 event column stands for: "is_click" is "click",
  /// "long_view" (a result column) is itself. None for other columns and for
  /// those that are declared as event columns. The result views `column`.
  std::optional<std::string_view> ResultAction(std::string_view column) const;

  /// The history row that an event makes, or none where it makes none. An
  /// impression enters as its strongest followed action that enters the
  /// history. Without time_ms the sort key is `order` and has_time is false.
  std::optional<v1::HistoryEvent> HistoryEntryFor(const v1::Event& event) const;

  friend bool operator==(const Schema& a, const Schema& b) {
    return a.columns_ == b.columns_ && a.actions_ == b.actions_ &&
           a.name_map_ == b.name_map_;
  }

 private:
  std::vector<Column> columns_;
  // One map per entity: name to index in columns_.
  absl::flat_hash_map<std::string, size_t> index_[3];
  ActionPolicy actions_;
  std::map<std::string, std::string> name_map_;
};

}  // namespace attune::features
