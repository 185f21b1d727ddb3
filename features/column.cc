#include "features/column.h"

#include <array>
#include <utility>

namespace attune::features {
namespace {

template <typename T, size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<Entity, 3> kEntities = {{{Entity::kItem, "item"},
                                         {Entity::kUser, "user"},
                                         {Entity::kEvent, "event"}}};
constexpr Names<ColumnType, 5> kTypes = {
    {{ColumnType::kText, "text"},
     {ColumnType::kNumeric, "numeric"},
     {ColumnType::kCategorical, "categorical"},
     {ColumnType::kMulti, "multi"},
     {ColumnType::kTime, "time"}}};
constexpr Names<Transform, 6> kTransforms = {
    {{Transform::kNone, "none"},
     {Transform::kStandardise, "standardise"},
     {Transform::kLog, "log"},
     {Transform::kBucket, "bucket"},
     {Transform::kHash, "hash"},
     {Transform::kIgnore, "ignore"}}};

template <typename T, size_t N>
std::string_view NameOf(const Names<T, N>& names, T value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  return "unknown";
}

template <typename T, size_t N>
std::optional<T> ValueOf(const Names<T, N>& names, std::string_view name) {
  for (const auto& [value, candidate] : names) {
    if (candidate == name) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view EntityName(Entity entity) { return NameOf(kEntities, entity); }

std::string_view ColumnTypeName(ColumnType type) {
  return NameOf(kTypes, type);
}

std::string_view TransformName(Transform transform) {
  return NameOf(kTransforms, transform);
}

std::optional<Entity> ParseEntity(std::string_view name) {
  return ValueOf(kEntities, name);
}

std::optional<ColumnType> ParseColumnType(std::string_view name) {
  return ValueOf(kTypes, name);
}

std::optional<Transform> ParseTransform(std::string_view name) {
  return ValueOf(kTransforms, name);
}

bool IsCompatible(ColumnType type, Transform transform) {
  if (transform == Transform::kNone || transform == Transform::kIgnore) {
    return true;
  }
  switch (type) {
    case ColumnType::kNumeric:
      return true;
    case ColumnType::kCategorical:
    case ColumnType::kMulti:
      return transform == Transform::kHash;
    case ColumnType::kTime:
      return transform == Transform::kStandardise;
    case ColumnType::kText:
      return false;
  }
  return false;
}

}  // namespace attune::features
