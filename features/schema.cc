#include "features/schema.h"

#include <set>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "features/strict_json.h"
#include "features/utf8.h"

namespace attune::features {
namespace {

using nlohmann::ordered_json;

// Fields with a place of their own in v1::Item: a column of that name can only
// say "ignore".
struct FixedField {
  std::string_view name;
  ColumnType type;
};
constexpr FixedField kFixedItemFields[] = {
    {"title", ColumnType::kText},
    {"description", ColumnType::kText},
    {"tags", ColumnType::kMulti},
    {"categories", ColumnType::kMulti},
};

template <typename T>
absl::StatusOr<T> ParseName(const JsonPlace& place,
                            std::optional<T> (*parse)(std::string_view),
                            std::string_view what, std::string_view known) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string name, place.String());
  const std::optional<T> value = parse(name);
  if (!value.has_value()) {
    return place.Error(
        StrCat("unknown ", what, " \"", name, "\" (known: ", known, ")"));
  }
  return *value;
}

absl::StatusOr<Column> ParseColumn(const JsonPlace& place) {
  ATTUNE_RETURN_IF_ERROR(place.ExpectFields(
      {"name", "entity", "type", "transform", "inferred", "context"}));
  Column column;
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace name, place.Field("name"));
  ATTUNE_ASSIGN_OR_RETURN(column.name, name.String());
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace entity, place.Field("entity"));
  ATTUNE_ASSIGN_OR_RETURN(
      column.entity,
      ParseName<Entity>(entity, ParseEntity, "entity", "item, user, event"));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace type, place.Field("type"));
  ATTUNE_ASSIGN_OR_RETURN(
      column.type,
      ParseName<ColumnType>(type, ParseColumnType, "type",
                            "text, numeric, categorical, multi, time"));
  if (place.Has("transform")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("transform"));
    ATTUNE_ASSIGN_OR_RETURN(
        column.transform,
        ParseName<Transform>(field, ParseTransform, "transform",
                             "none, standardise, log, bucket, hash, ignore"));
  } else if (column.type == ColumnType::kNumeric) {
    column.transform = Transform::kStandardise;
  }
  if (place.Has("inferred")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("inferred"));
    ATTUNE_ASSIGN_OR_RETURN(column.inferred, field.Bool());
  }
  if (place.Has("context")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("context"));
    ATTUNE_ASSIGN_OR_RETURN(column.context, field.Bool());
  }
  return column;
}

// Strings without repeats and empty ones.
absl::StatusOr<std::vector<std::string>> ParseNames(const JsonPlace& place) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  ATTUNE_ASSIGN_OR_RETURN(const auto elements, place.Elements());
  for (const JsonPlace& element : elements) {
    ATTUNE_ASSIGN_OR_RETURN(std::string name, element.String());
    if (name.empty()) return element.Error("empty name");
    if (!seen.insert(name).second) {
      return element.Error(StrCat("\"", name, "\" is repeated"));
    }
    names.push_back(std::move(name));
  }
  return names;
}

absl::StatusOr<ActionRule> ParseRule(const JsonPlace& place) {
  ATTUNE_RETURN_IF_ERROR(
      place.ExpectFields({"name", "history", "positive", "weight"}));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace name_place, place.Field("name"));
  ATTUNE_ASSIGN_OR_RETURN(const std::string name, name_place.String());
  if (name.empty()) return name_place.Error("empty name");
  // What the rule does not say stays as it is by default.
  ActionRule rule = ActionPolicy().RuleFor(name);
  if (place.Has("history")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("history"));
    ATTUNE_ASSIGN_OR_RETURN(rule.in_history, field.Bool());
    if (rule.in_history && name == kImpression) {
      return field.Error(
          "an impression cannot enter the history; what followed it does");
    }
  }
  if (place.Has("positive")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("positive"));
    ATTUNE_ASSIGN_OR_RETURN(rule.positive, field.Bool());
  }
  if (place.Has("weight")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("weight"));
    ATTUNE_ASSIGN_OR_RETURN(rule.weight, field.Number(0, 1e6));
  }
  return rule;
}

absl::Status ParseActions(const JsonPlace& place, ActionPolicy& actions) {
  ATTUNE_RETURN_IF_ERROR(
      place.ExpectFields({"default", "order", "result_columns", "rules"}));
  if (place.Has("default")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("default"));
    ATTUNE_ASSIGN_OR_RETURN(std::string name, field.String());
    if (name.empty()) return field.Error("empty name");
    actions.set_default_action(std::move(name));
  }
  if (place.Has("order")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field, place.Field("order"));
    ATTUNE_ASSIGN_OR_RETURN(auto names, ParseNames(field));
    actions.SetOrder(std::move(names));
  }
  if (place.Has("result_columns")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace field,
                            place.Field("result_columns"));
    ATTUNE_ASSIGN_OR_RETURN(auto names, ParseNames(field));
    actions.set_result_columns(std::move(names));
  }
  if (!place.Has("rules")) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace rules, place.Field("rules"));
  ATTUNE_ASSIGN_OR_RETURN(const auto elements, rules.Elements());
  std::set<std::string> seen;
  for (const JsonPlace& element : elements) {
    ATTUNE_ASSIGN_OR_RETURN(ActionRule rule, ParseRule(element));
    if (!seen.insert(rule.name).second) {
      return element.Error(StrCat("action \"", rule.name, "\" is repeated"));
    }
    actions.SetRule(std::move(rule));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> ParseNameMap(
    const JsonPlace& place) {
  ATTUNE_ASSIGN_OR_RETURN(const auto members, place.Members());
  std::map<std::string, std::string> names;
  std::set<std::string> sources;
  for (const auto& [canonical, value] : members) {
    ATTUNE_ASSIGN_OR_RETURN(std::string source, value.String());
    if (canonical.empty() || source.empty()) return value.Error("empty name");
    if (!sources.insert(source).second) {
      return value.Error(StrCat("\"", source, "\" is mapped to two names"));
    }
    names.emplace(canonical, std::move(source));
  }
  return names;
}

ordered_json ActionsToJson(const ActionPolicy& actions) {
  ordered_json json;
  json["default"] = actions.default_action();
  json["order"] = actions.order();
  json["result_columns"] = actions.result_columns();
  json["rules"] = ordered_json::array();
  for (const ActionRule& rule : actions.rules()) {
    json["rules"].push_back({{"name", rule.name},
                             {"history", rule.in_history},
                             {"positive", rule.positive},
                             {"weight", rule.weight}});
  }
  return json;
}

}  // namespace

absl::StatusOr<Schema> Schema::FromJson(std::string_view text,
                                        std::string_view source) {
  ATTUNE_ASSIGN_OR_RETURN(const nlohmann::json document,
                          ParseStrictJson(text, source));
  const JsonPlace root(document, source);
  ATTUNE_RETURN_IF_ERROR(root.ExpectFields({"columns", "map", "actions"}));
  Schema schema;
  if (root.Has("columns")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace columns, root.Field("columns"));
    ATTUNE_ASSIGN_OR_RETURN(const auto elements, columns.Elements());
    for (const JsonPlace& element : elements) {
      ATTUNE_ASSIGN_OR_RETURN(Column column, ParseColumn(element));
      const absl::Status added = schema.AddColumn(std::move(column));
      if (!added.ok()) return element.Error(ToStd(added.message()));
    }
  }
  if (root.Has("map")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace map, root.Field("map"));
    ATTUNE_ASSIGN_OR_RETURN(schema.name_map_, ParseNameMap(map));
  }
  if (root.Has("actions")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace actions, root.Field("actions"));
    ATTUNE_RETURN_IF_ERROR(ParseActions(actions, schema.actions_));
  }
  for (const std::string& result : schema.actions_.result_columns()) {
    if (schema.IsContext(result)) {
      return root.Error(StrCat("column \"", result,
                               "\" is a context and one of the "
                               "result_columns: a request cannot know what "
                               "follows it"));
    }
  }
  return schema;
}

std::string Schema::ToJson() const {
  ordered_json json;
  json["columns"] = ordered_json::array();
  for (const Column& column : columns_) {
    ordered_json entry;
    entry["name"] = column.name;
    entry["entity"] = EntityName(column.entity);
    entry["type"] = ColumnTypeName(column.type);
    entry["transform"] = TransformName(column.transform);
    if (column.inferred) entry["inferred"] = true;
    if (column.context) entry["context"] = true;
    json["columns"].push_back(std::move(entry));
  }
  json["map"] = name_map_;
  if (name_map_.empty()) json["map"] = ordered_json::object();
  json["actions"] = ActionsToJson(actions_);
  // Names of actions come from callers and may be any bytes.
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

absl::Status Schema::AddColumn(Column column) {
  if (column.name.empty()) {
    return absl::InvalidArgumentError("a column without a name");
  }
  if (!IsValidUtf8(column.name)) {
    return absl::InvalidArgumentError("a column name that is not UTF-8");
  }
  if (!IsCompatible(column.type, column.transform)) {
    return absl::InvalidArgumentError(
        StrCat("column \"", column.name, "\": transform \"",
               TransformName(column.transform), "\" does not fit type \"",
               ColumnTypeName(column.type), "\""));
  }
  if (column.context && column.entity != Entity::kEvent) {
    return absl::InvalidArgumentError(
        StrCat("column \"", column.name, "\" of ", EntityName(column.entity),
               "s is no context: only columns of events are"));
  }
  if (column.context && column.transform == Transform::kIgnore) {
    return absl::InvalidArgumentError(StrCat(
        "column \"", column.name, "\" is a context and ignored at once"));
  }
  if (column.entity == Entity::kItem) {
    for (const FixedField& fixed : kFixedItemFields) {
      if (fixed.name == column.name && fixed.type != column.type) {
        return absl::InvalidArgumentError(
            StrCat("column \"", column.name, "\" is a fixed field of type \"",
                   ColumnTypeName(fixed.type), "\", not \"",
                   ColumnTypeName(column.type), "\""));
      }
    }
  }
  auto& index = index_[static_cast<size_t>(column.entity)];
  if (!index.try_emplace(column.name, columns_.size()).second) {
    return absl::AlreadyExistsError(StrCat("column \"", column.name, "\" of ",
                                           EntityName(column.entity),
                                           "s is repeated"));
  }
  columns_.push_back(std::move(column));
  return absl::OkStatus();
}

const Column* Schema::Find(Entity entity, std::string_view name) const {
  const auto& index = index_[static_cast<size_t>(entity)];
  const auto it = index.find(absl::string_view(name.data(), name.size()));
  return it == index.end() ? nullptr : &columns_[it->second];
}

absl::Status Schema::DeclareContext(std::string_view name,
                                    std::optional<ColumnType> type) {
  if (const auto action = ResultAction(name)) {
    return absl::InvalidArgumentError(
        StrCat("column \"", name, "\" says that \"", *action,
               "\" followed, which a request cannot know"));
  }
  const auto& index = index_[static_cast<size_t>(Entity::kEvent)];
  const auto it = index.find(absl::string_view(name.data(), name.size()));
  if (it == index.end()) {
    return absl::NotFoundError(
        StrCat("there is no event column \"", name, "\""));
  }
  Column& column = columns_[it->second];
  if (type.has_value() && *type != column.type) {
    column.type = *type;
    column.transform = *type == ColumnType::kNumeric ? Transform::kStandardise
                                                     : Transform::kNone;
  } else if (column.transform == Transform::kIgnore) {
    return absl::InvalidArgumentError(StrCat(
        "column \"", name, "\" has another value in nearly every row: ", name,
        ":text reads its words"));
  }
  column.context = true;
  column.inferred = false;
  return absl::OkStatus();
}

std::string Schema::ContextNames() const {
  std::string names;
  for (const Column& column : columns_) {
    if (!column.context) continue;
    names += StrCat(names.empty() ? "" : ", ", "\"", column.name, "\" (",
                    ColumnTypeName(column.type), ")");
  }
  return names.empty() ? "none" : names;
}

std::optional<std::string_view> Schema::ResultAction(
    std::string_view column) const {
  if (Find(Entity::kEvent, column) != nullptr) return std::nullopt;
  for (const std::string& result : actions_.result_columns()) {
    if (result == column) return column;
  }
  constexpr std::string_view kPrefix = "is_";
  if (column.size() > kPrefix.size() && column.starts_with(kPrefix)) {
    return column.substr(kPrefix.size());
  }
  return std::nullopt;
}

std::optional<v1::HistoryEvent> Schema::HistoryEntryFor(
    const v1::Event& event) const {
  std::string_view action = event.action().empty()
                                ? std::string_view(actions_.default_action())
                                : std::string_view(event.action());
  if (action == kImpression) {
    action = {};
    for (const std::string& followed : event.followed()) {
      if (followed == kImpression || !actions_.EntersHistory(followed)) {
        continue;
      }
      if (action.empty() || actions_.IsStronger(followed, action)) {
        action = followed;
      }
    }
    if (action.empty()) return std::nullopt;
  } else if (!actions_.EntersHistory(action)) {
    return std::nullopt;
  }
  v1::HistoryEvent entry;
  entry.set_item_id(event.item_id());
  entry.set_action(std::string(action));
  entry.set_has_time(event.has_time_ms());
  entry.set_sort_key(event.has_time_ms() ? event.time_ms() : event.order());
  return entry;
}

}  // namespace attune::features
