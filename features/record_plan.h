#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "features/schema.h"

namespace attune::features {

/// Match fields that every plan has; columns follow in the schema's order.
inline constexpr int kTagsField = 0;
inline constexpr int kCategoriesField = 1;
inline constexpr int kTitleField = 2;
inline constexpr int kSeriesField = 3;
inline constexpr int kFirstColumnField = 4;
/// The field byte of attributes that only become tokens: columns beyond
/// kMaxMatchFields, and the buckets of numeric columns.
inline constexpr int kTokenOnlyField = 0xff;

/// What is done with each column of one entity, by the schema alone, so that
/// fitting and encoding agree on every index. Of events: with those that are
/// context.
struct RecordPlan {
  enum class Role { kText, kAttribute, kNumeric };
  struct Use {
    Role role;
    int32_t index;  // into the list of its role
  };
  struct AttributeColumn {
    std::string name;
    int field;  // match field or kTokenOnlyField
    uint64_t seed;
  };
  struct NumericColumn {
    std::string name;
    Transform transform;
    bool is_time;
    int32_t time_index;  // among the plan's time columns; -1: none
    uint64_t seed;
  };

  RecordPlan(const Schema& schema, Entity entity);

  /// Null for columns that are unknown or ignored.
  const Use* Find(const std::string& name) const {
    const auto it = uses.find(name);
    return it == uses.end() ? nullptr : &it->second;
  }

  absl::flat_hash_map<std::string, Use> uses;
  std::vector<AttributeColumn> attributes;  // fixed fields included for items
  std::vector<NumericColumn> numerics;
  std::vector<std::string> time_names;
  bool use_title = true, use_description = true;
  bool use_tags = true, use_categories = true;
  /// Of items: requests may carry a text, which their words are matched with.
  bool search = false;
  /// Has a text column.
  bool has_text = false;

  /// No column is used.
  bool empty() const { return uses.empty(); }
};

}  // namespace attune::features
