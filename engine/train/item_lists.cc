#include "engine/train/item_lists.h"

namespace attune {

ItemLists DistinctItems(const ItemLists& lists, int32_t item_count) {
  ItemLists distinct;
  distinct.items.reserve(lists.items.size());
  distinct.offsets.reserve(lists.offsets.size());
  std::vector<int32_t> last_row(item_count, -1);
  for (int32_t row = 0; row < lists.rows(); ++row) {
    for (int32_t item : lists.row(row)) {
      if (last_row[item] == row) continue;
      last_row[item] = row;
      distinct.items.push_back(item);
    }
    distinct.EndRow();
  }
  return distinct;
}

ItemLists Transpose(const ItemLists& lists, int32_t item_count) {
  ItemLists transposed;
  transposed.offsets.assign(item_count + 1, 0);
  for (int32_t item : lists.items) ++transposed.offsets[item + 1];
  for (int32_t i = 0; i < item_count; ++i) {
    transposed.offsets[i + 1] += transposed.offsets[i];
  }
  transposed.items.resize(lists.items.size());
  std::vector<int64_t> next(transposed.offsets.begin(),
                            transposed.offsets.end() - 1);
  for (int32_t row = 0; row < lists.rows(); ++row) {
    for (int32_t item : lists.row(row)) transposed.items[next[item]++] = row;
  }
  return transposed;
}

}  // namespace attune
