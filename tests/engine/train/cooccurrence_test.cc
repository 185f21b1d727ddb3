#include "engine/train/cooccurrence.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

TEST(ItemListsTest, DistinctKeepsFirstPlaces) {
  ItemLists lists;
  lists.items = {3, 1, 3, 2, 1};
  lists.EndRow();
  lists.EndRow();
  lists.items.push_back(3);
  lists.EndRow();
  const ItemLists distinct = DistinctItems(lists, 4);
  EXPECT_EQ(distinct.items, (std::vector<int32_t>{3, 1, 2, 3}));
  EXPECT_EQ(distinct.offsets, (std::vector<int64_t>{0, 3, 3, 4}));
  const ItemLists transposed = Transpose(distinct, 4);
  EXPECT_EQ(transposed.items, (std::vector<int32_t>{0, 0, 0, 2}));
  EXPECT_EQ(transposed.offsets, (std::vector<int64_t>{0, 0, 1, 2, 4}));
}

TEST(CooccurrenceCounterTest, EqualsCountingPairs) {
  // Sparse and dense rows take different ways through Row().
  for (const int item_count : {8, 2000}) {
    Rng rng(5);
    ItemLists lists;
    std::vector<std::set<int32_t>> sets;
    for (int user = 0; user < 40; ++user) {
      std::set<int32_t> items;
      while (items.size() < 5) {
        items.insert(static_cast<int32_t>(rng.Below(item_count)));
      }
      lists.items.insert(lists.items.end(), items.begin(), items.end());
      lists.EndRow();
      sets.push_back(items);
    }
    const CooccurrenceCounter counter(lists, item_count);
    CooccurrenceCounter::Scratch scratch;
    for (int32_t i = 0; i < item_count; ++i) {
      std::vector<int32_t> want(item_count, 0);
      for (const auto& set : sets) {
        if (!set.contains(i)) continue;
        for (int32_t j : set) ++want[j];
      }
      EXPECT_EQ(counter.users(i), want[i]);
      want[i] = 0;
      int32_t last = -1;
      for (const auto& count : counter.Row(i, &scratch)) {
        EXPECT_GT(count.item, last);
        last = count.item;
        EXPECT_EQ(count.users, want[count.item]);
        want[count.item] = 0;
      }
      EXPECT_EQ(want, std::vector<int32_t>(item_count, 0));
    }
  }
}

}  // namespace
}  // namespace attune
