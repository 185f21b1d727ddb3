#pragma once

#include <cstdint>
#include <vector>

#include "engine/train/item_lists.h"

namespace attune {

/// One list per row.
inline ItemLists Lists(const std::vector<std::vector<int32_t>>& rows) {
  ItemLists lists;
  for (const auto& row : rows) {
    lists.items.insert(lists.items.end(), row.begin(), row.end());
    lists.EndRow();
  }
  return lists;
}

}  // namespace attune
