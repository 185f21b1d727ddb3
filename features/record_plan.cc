#include "features/record_plan.h"

#include <utility>

#include "features/hash.h"
#include "features/item_features.h"

namespace attune::features {
namespace {

constexpr uint64_t kAttributeSeed = 0x61747472;  // "attr"
constexpr uint64_t kNumericSeed = 0x6e756d62;    // "numb"

bool IsIgnored(const Schema& schema, const char* name) {
  const Column* column = schema.Find(Entity::kItem, name);
  return column != nullptr && column->transform == Transform::kIgnore;
}

bool IsFixed(const std::string& name) {
  return name == "title" || name == "description" || name == "tags" ||
         name == "categories";
}

}  // namespace

RecordPlan::RecordPlan(const Schema& schema, Entity entity) {
  if (entity == Entity::kItem) {
    use_title = !IsIgnored(schema, "title");
    use_description = !IsIgnored(schema, "description");
    use_tags = !IsIgnored(schema, "tags");
    use_categories = !IsIgnored(schema, "categories");
    for (const char* name : {"tags", "categories", "title", "series"}) {
      // Blank before the fixed names: a column may be called "series".
      attributes.push_back(
          {name, static_cast<int>(attributes.size()),
           HashBytes(std::string(" ") + name, kAttributeSeed)});
    }
  }
  int next_field = kFirstColumnField;
  for (const Column& column : schema.columns()) {
    search |= entity == Entity::kItem && column.context &&
              column.type == ColumnType::kText;
    if (column.entity != entity || column.transform == Transform::kIgnore) {
      continue;
    }
    if (entity == Entity::kEvent && !column.context) continue;
    if (entity == Entity::kItem && IsFixed(column.name)) continue;
    const bool is_label = column.type == ColumnType::kCategorical ||
                          column.type == ColumnType::kMulti ||
                          (column.type == ColumnType::kNumeric &&
                           column.transform == Transform::kHash);
    Use use{Role::kText, 0};
    has_text |= column.type == ColumnType::kText;
    if (is_label) {
      use = {Role::kAttribute, static_cast<int32_t>(attributes.size())};
      const int field =
          next_field < kMaxMatchFields ? next_field++ : kTokenOnlyField;
      attributes.push_back(
          {column.name, field, HashBytes(column.name, kAttributeSeed)});
    } else if (column.type != ColumnType::kText) {
      use = {Role::kNumeric, static_cast<int32_t>(numerics.size())};
      const bool is_time = column.type == ColumnType::kTime;
      const int32_t time_index =
          is_time ? static_cast<int32_t>(time_names.size()) : -1;
      if (is_time) time_names.push_back(column.name);
      numerics.push_back({column.name, column.transform, is_time, time_index,
                          HashBytes(column.name, kNumericSeed)});
    }
    uses.emplace(column.name, use);
  }
}

}  // namespace attune::features
