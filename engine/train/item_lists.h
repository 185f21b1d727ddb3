#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace attune {

/// A list of item indices per user (CSR, 4 bytes an entry), oldest first: what
/// counting needs of the training part.
struct ItemLists {
  std::vector<int64_t> offsets = {0};  // [rows + 1]
  std::vector<int32_t> items;

  int32_t rows() const { return static_cast<int32_t>(offsets.size()) - 1; }
  std::span<const int32_t> row(int32_t index) const {
    return std::span<const int32_t>(items).subspan(
        offsets[index], offsets[index + 1] - offsets[index]);
  }
  /// Closes a row of what was pushed to `items` since the last call.
  void EndRow() { offsets.push_back(static_cast<int64_t>(items.size())); }
};

/// Drops repeats inside each row, keeping the first place of every item.
/// `item_count` bounds the indices.
ItemLists DistinctItems(const ItemLists& lists, int32_t item_count);

/// Row i of the result lists the rows of `lists` that hold item i, ascending
/// (once per occurrence).
ItemLists Transpose(const ItemLists& lists, int32_t item_count);

}  // namespace attune
