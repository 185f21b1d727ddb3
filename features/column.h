#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace attune::features {

/// Whose record a column belongs to.
enum class Entity { kItem, kUser, kEvent };

/// What a column's values mean. A time is Unix seconds or milliseconds (told
/// apart by size), or text such as "2022-04-10" or "2022-04-10T12:30:00Z".
enum class ColumnType { kText, kNumeric, kCategorical, kMulti, kTime };

/// What the pipeline does with a value:
///   none         numeric: as it is, clamped; other types: their natural use
///   standardise  numeric, time: (x - mean) / deviation, plus bucket tokens
///   log          numeric: sign(x) log(1 + |x|) first, then as standardise
///   bucket       numeric: quantile-bucket tokens only
///   hash         numeric, categorical, multi: each exact value is a token
///   ignore       stored, never used
enum class Transform { kNone, kStandardise, kLog, kBucket, kHash, kIgnore };

/// One stored feature of items, users or events.
struct Column {
  std::string name;
  Entity entity = Entity::kItem;
  ColumnType type = ColumnType::kCategorical;
  Transform transform = Transform::kNone;
  bool inferred = false;  ///< by SchemaInferrer; a declared column wins
  /// Of events: known when a request is made (a query, a scene), so that the
  /// model may read it of the moment it is asked at. Never inferred: a column
  /// that tells the outcome would be read, too.
  bool context = false;

  friend bool operator==(const Column&, const Column&) = default;
};

std::string_view EntityName(Entity entity);
std::string_view ColumnTypeName(ColumnType type);
std::string_view TransformName(Transform transform);
std::optional<Entity> ParseEntity(std::string_view name);
std::optional<ColumnType> ParseColumnType(std::string_view name);
std::optional<Transform> ParseTransform(std::string_view name);

/// True where `transform` makes sense for `type`.
bool IsCompatible(ColumnType type, Transform transform);

}  // namespace attune::features
