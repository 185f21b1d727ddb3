#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/train/item_lists.h"

namespace attune {

/// Counts, item by item, how many users have another item too. Holds an index
/// of 4 bytes per entry of the lists, never the item × item matrix: a row costs
/// the sum of the list lengths of the item's users. Thread-safe with one
/// Scratch per thread.
class CooccurrenceCounter {
 public:
  struct Count {
    int32_t item = 0;
    int32_t users = 0;
  };
  class Scratch {
   private:
    friend class CooccurrenceCounter;
    std::vector<int32_t> counts_;  // [items], all zero between calls
    std::vector<int32_t> touched_;
    std::vector<Count> row_;
  };

  /// `lists` has no repeats inside a row (DistinctItems) and must outlive this.
  CooccurrenceCounter(const ItemLists& lists, int32_t item_count);

  int32_t item_count() const { return users_of_.rows(); }
  /// Users who have the item.
  int32_t users(int32_t item) const {
    return static_cast<int32_t>(users_of_.row(item).size());
  }

  /// The items, `item` itself left out, that share users with it, ascending;
  /// valid until the next call with this scratch.
  std::span<const Count> Row(int32_t item, Scratch* scratch) const;

 private:
  const ItemLists& lists_;
  ItemLists users_of_;
};

}  // namespace attune
