#include "engine/train/id_table.h"

#include <algorithm>
#include <utility>

namespace attune {

IdTable::IdTable(std::vector<std::string> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  size_t bytes = 0;
  for (const std::string& id : ids) bytes += id.size();
  arena_.reserve(bytes);
  offsets_.reserve(ids.size() + 1);
  for (const std::string& id : ids) {
    arena_ += id;
    offsets_.push_back(arena_.size());
  }
}

std::optional<int32_t> IdTable::Find(std::string_view id) const {
  int32_t low = 0, high = size();
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (name(middle) < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < size() && name(low) == id) return low;
  return std::nullopt;
}

}  // namespace attune
