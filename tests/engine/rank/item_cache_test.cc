#include "engine/rank/item_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

/// An item whose vector says which one it is, and of which version.
std::shared_ptr<const ModelItem> ItemOf(float number, float version,
                                        size_t width = 4) {
  std::vector<float> x(width, number);
  x[1] = version;
  ModelItem::Parts parts;
  parts.x = x;
  parts.q = x;
  return ModelItem::Make(parts);
}

features::ItemCounters CountersOf(double total) {
  features::ItemCounters counters;
  counters.total = total;
  return counters;
}

/// One look-up with its own memory.
struct Look {
  Look(ItemCache& cache, const std::vector<std::string_view>& ids,
       bool with_counters = true, bool pinned = false)
      : items(ids.size()), counters(with_counters ? ids.size() : 0) {
    if (pinned) pin.emplace(cache);
    for (const ItemCache::Miss& miss :
         cache.Get(ids, workspace, items, counters, pinned ? &*pin : nullptr)) {
      misses.push_back(miss);
    }
  }
  std::optional<ItemCache::Pin> pin;
  Workspace workspace;
  std::vector<std::shared_ptr<const ModelItem>> items;
  std::vector<features::ItemCounters> counters;
  std::vector<ItemCache::Miss> misses;
};

TEST(ItemCacheTest, IsFilledAheadUntilItIsFull) {
  // Large enough for shards of nearly equal size, whatever the hash's seed.
  constexpr int64_t kLimit = 16 << 20;
  ItemCache cache(kLimit);
  Workspace workspace;
  EXPECT_TRUE(cache.HasRoom());
  const features::ItemCounters counters = CountersOf(5);
  int put = 0;
  for (; cache.HasRoom(); ++put) {
    ASSERT_LT(put, 1 << 20);
    const std::string id = std::to_string(put);
    const auto absent =
        cache.Absent(std::vector<std::string_view>{id, id}, workspace);
    ASSERT_EQ(absent.size(), 2u);
    EXPECT_EQ(absent[1].place, 1u);
    cache.Put(id, ItemOf(static_cast<float>(put), 0), &counters,
              absent[0].version);
    EXPECT_TRUE(
        cache.Absent(std::vector<std::string_view>{id}, workspace).empty());
  }
  const StateCacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits + stats.misses, 0);
  EXPECT_GT(put, 100);
  EXPECT_LE(stats.evictions, put / 50);
  EXPECT_LE(stats.bytes, kLimit);
  EXPECT_GT(stats.bytes, kLimit * 9 / 10);

  // What changed since it was looked for is not put.
  const std::string id = "changed";
  const auto absent =
      cache.Absent(std::vector<std::string_view>{id}, workspace);
  cache.ForgetItem(id);
  cache.Put(id, ItemOf(1, 0), &counters, absent[0].version);
  EXPECT_EQ(cache.Absent(std::vector<std::string_view>{id}, workspace).size(),
            1u);
}

TEST(ItemCacheTest, KeepsItemsWithTheirCounters) {
  ItemCache cache(8 << 20);
  Look first(cache, {"a", "b", "a", ""});
  ASSERT_EQ(first.misses.size(), 4u);
  for (const ItemCache::Miss& miss : first.misses) {
    EXPECT_FALSE(miss.has_item);
    EXPECT_EQ(first.items[miss.place], nullptr);
    if (miss.place != 0) continue;
    const features::ItemCounters counters = CountersOf(5);
    cache.Put("a", ItemOf(1, 0), &counters, miss.version);
  }
  Look second(cache, {"b", "a", "a"});
  ASSERT_EQ(second.misses.size(), 1u);
  EXPECT_EQ(second.misses[0].place, 0u);
  EXPECT_EQ(second.items[1]->x[0], 1.0f);
  EXPECT_EQ(second.items[2], second.items[1]);
  EXPECT_EQ(second.counters[2].total, 5);
  const StateCacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits, 2);
  EXPECT_EQ(stats.misses, 5);
  EXPECT_EQ(stats.entries, 1);
  EXPECT_GT(stats.bytes, 0);
}

TEST(ItemCacheTest, WithoutCountersAnItemIsAHitForThoseWhoNeedNone) {
  ItemCache cache(8 << 20);
  const uint64_t version = Look(cache, {"a"}).misses[0].version;
  cache.Put("a", ItemOf(1, 0), nullptr, version);
  EXPECT_TRUE(Look(cache, {"a"}, false).misses.empty());
  const Look counted(cache, {"a"});
  ASSERT_EQ(counted.misses.size(), 1u);
  EXPECT_TRUE(counted.misses[0].has_item);
  EXPECT_EQ(counted.items[0]->x[0], 1.0f);
  const features::ItemCounters counters = CountersOf(7);
  cache.Put("a", counted.items[0], &counters, counted.misses[0].version);
  const Look again(cache, {"a"});
  EXPECT_TRUE(again.misses.empty());
  EXPECT_EQ(again.counters[0].total, 7);
  // Read once more without them: they stay.
  cache.Put("a", ItemOf(1, 0), nullptr, version);
  EXPECT_EQ(Look(cache, {"a"}).counters[0].total, 7);
  cache.ForgetCounters("a");
  EXPECT_EQ(Look(cache, {"a"}).misses.size(), 1u);
  EXPECT_TRUE(Look(cache, {"a"}, false).misses.empty());
}

TEST(ItemCacheTest, AnOutdatedReadIsNotPut) {
  ItemCache cache(8 << 20);
  const features::ItemCounters counters = CountersOf(1);
  const auto version = [&] { return Look(cache, {"a"}).misses[0].version; };
  uint64_t before = version();
  cache.ForgetItem("a");
  cache.Put("a", ItemOf(1, 0), &counters, before);
  EXPECT_EQ(Look(cache, {"a"}).items[0], nullptr);
  before = version();
  cache.ForgetCounters("a");
  cache.Put("a", ItemOf(1, 0), &counters, before);
  EXPECT_EQ(Look(cache, {"a"}).items[0], nullptr);
  before = version();
  cache.Clear();
  cache.Put("a", ItemOf(1, 0), &counters, before);
  EXPECT_EQ(Look(cache, {"a"}).items[0], nullptr);
  cache.Put("a", ItemOf(2, 0), &counters, version());
  EXPECT_EQ(Look(cache, {"a"}).items[0]->x[0], 2.0f);
  cache.ForgetItem("a");
  EXPECT_EQ(Look(cache, {"a"}).items[0], nullptr);
  EXPECT_EQ(cache.stats().bytes, 0);
}

TEST(ItemCacheTest, StaysWithinItsBytesAndSparesWhatIsUsed) {
  constexpr size_t kLimit = 4 << 20;
  ItemCache cache(kLimit);
  std::vector<std::string> ids;
  for (int i = 0; i < 20000; ++i) ids.push_back("item" + std::to_string(i));
  const features::ItemCounters counters;
  for (int i = 0; i < 20000; ++i) {
    // The first 100 are asked for all the time.
    if (i >= 100 && i % 50 == 0) {
      for (int hot = 0; hot < 100; ++hot) Look(cache, {ids[hot]}, false);
    }
    const Look look(cache, {ids[i]});
    ASSERT_EQ(look.misses.size(), 1u);
    cache.Put(ids[i], ItemOf(static_cast<float>(i), 0, 64), &counters,
              look.misses[0].version);
    ASSERT_LE(cache.stats().bytes, static_cast<int64_t>(kLimit));
  }
  EXPECT_GT(cache.stats().entries, 2000);
  EXPECT_GT(cache.stats().evictions, 10000);
  int found = 0;
  for (int hot = 0; hot < 100; ++hot) {
    const Look look(cache, {ids[hot]});
    if (look.items[0] == nullptr) continue;
    EXPECT_EQ(look.items[0]->x[0], static_cast<float>(hot));
    ++found;
  }
  EXPECT_EQ(found, 100);
  // All that is left is found under its own id.
  int64_t left = 0;
  for (int i = 0; i < 20000; ++i) {
    const Look look(cache, {ids[i]});
    if (look.items[0] == nullptr) continue;
    ++left;
    EXPECT_EQ(look.items[0]->x[0], static_cast<float>(i));
  }
  EXPECT_EQ(left, cache.stats().entries);
  cache.SetLimit(kLimit / 8);
  EXPECT_LE(cache.stats().bytes, static_cast<int64_t>(kLimit / 8));
  EXPECT_GT(cache.stats().entries, 100);
  // Larger than a shard: not kept.
  const uint64_t version = Look(cache, {"huge"}).misses[0].version;
  cache.Put("huge", ItemOf(1, 0, 1 << 16), &counters, version);
  EXPECT_EQ(Look(cache, {"huge"}).items[0], nullptr);
  cache.SetLimit(0);
  EXPECT_EQ(cache.stats().entries, 0);
}

TEST(ItemCacheTest, APinKeepsWhatItsReaderMayHaveSeen) {
  ItemCache cache(1 << 20);
  const features::ItemCounters counters = CountersOf(1);
  // Says when the item is gone.
  const auto put = [&](std::string_view id, float number) {
    const std::shared_ptr<const ModelItem> item = ItemOf(number, 0);
    cache.Put(id, item, &counters, Look(cache, {id}).misses[0].version);
    return std::weak_ptr<const ModelItem>(item);
  };
  const auto forgotten = put("a", 1);
  const auto evicted = put("b", 2);
  const auto cleared = put("c", 3);
  const auto later = put("d", 4);
  {
    const Look first(cache, {"a", "b", "c", "a"}, true, /*pinned=*/true);
    EXPECT_TRUE(first.misses.empty());
    EXPECT_EQ(first.items[0].use_count(), 0) << "a share of its own";
    cache.ForgetItem("a");
    std::optional<Look> second(std::in_place, cache,
                               std::vector<std::string_view>{"b", "c", "d"},
                               true, true);
    for (int i = 0; i < 20000; ++i) {
      const std::string id = std::to_string(i);
      cache.Put(id, ItemOf(0, 0), &counters,
                Look(cache, {id}).misses[0].version);
    }
    EXPECT_GT(cache.stats().evictions, 0);
    cache.Clear();
    EXPECT_EQ(cache.stats().entries, 0);
    EXPECT_EQ(first.items[0]->x[0], 1.0f);
    EXPECT_EQ(first.items[1]->x[0], 2.0f);
    EXPECT_EQ(first.items[2]->x[0], 3.0f);
    EXPECT_EQ(second->items[2]->x[0], 4.0f);
    second.reset();
    // The older reader may hold them all.
    EXPECT_FALSE(forgotten.expired() || evicted.expired() ||
                 cleared.expired() || later.expired());
  }
  EXPECT_TRUE(forgotten.expired() && evicted.expired() && cleared.expired() &&
              later.expired());
  // One who entered later has not seen it.
  const auto gone = put("e", 5);
  std::optional<ItemCache::Pin> old_pin(std::in_place, cache);
  cache.ForgetItem("e");
  const ItemCache::Pin new_pin(cache);
  EXPECT_FALSE(gone.expired());
  old_pin.reset();
  EXPECT_TRUE(gone.expired());
}

TEST(ItemCacheTest, WhatLeavesUnderAPinIsBounded) {
  constexpr size_t kLimit = 1 << 20;
  ItemCache cache(kLimit);
  const features::ItemCounters counters;
  std::vector<std::weak_ptr<const ModelItem>> items;
  const auto alive = [&] {
    size_t bytes = 0;
    for (const auto& weak : items) {
      if (const auto item = weak.lock()) bytes += item->size_bytes();
    }
    return bytes;
  };
  {
    const ItemCache::Pin pin(cache);
    for (int i = 0; i < 20000; ++i) {
      const std::string id = std::to_string(i);
      const std::shared_ptr<const ModelItem> item = ItemOf(0, 0, 64);
      items.push_back(item);
      cache.Put(id, item, &counters, Look(cache, {id}).misses[0].version);
    }
    EXPECT_GT(cache.stats().rejections, 0);
    EXPECT_LE(alive(), kLimit + kLimit / 8);
  }
  EXPECT_LE(alive(), kLimit);
}

// As a request and a writer use it: what was acknowledged is what is found.
TEST(ItemCacheTest, ReadersNeverGoBack) {
  constexpr int kItems = 200;
  constexpr int kWrites = 20000;
  constexpr int64_t kReads = 2000;  // the writes are over in a moment
  ItemCache cache(64 << 10);        // some are evicted all the time
  std::vector<std::string> names;
  for (int i = 0; i < kItems; ++i) names.push_back("i" + std::to_string(i));
  // The database: numbers of records and of counters.
  std::vector<std::atomic<int>> records(kItems), counts(kItems);
  std::vector<std::atomic<int>> acknowledged(kItems), counted(kItems);
  std::atomic<bool> stop = false;
  std::atomic<int64_t> reads = 0;
  std::vector<std::thread> readers;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    readers.emplace_back([&, seed] {
      Rng rng(seed);
      while (!stop || reads < kReads) {
        std::vector<std::string_view> ids;
        std::vector<uint64_t> picked;
        std::vector<int> least_record, least_count;
        for (int i = 0; i < 20; ++i) {
          picked.push_back(rng.Below(kItems));
          ids.push_back(names[picked.back()]);
          least_record.push_back(acknowledged[picked.back()]);
          least_count.push_back(counted[picked.back()]);
        }
        Look look(cache, ids, true, /*pinned=*/seed > 0);
        for (const ItemCache::Miss& miss : look.misses) {
          const uint64_t item = picked[miss.place];
          look.counters[miss.place] = CountersOf(counts[item]);
          if (miss.has_item) {
            cache.PutCounters(ids[miss.place], look.items[miss.place].get(),
                              look.counters[miss.place], miss.version);
            continue;
          }
          look.items[miss.place] =
              ItemOf(static_cast<float>(item),
                     static_cast<float>(records[item].load()));
          cache.Put(ids[miss.place], look.items[miss.place],
                    &look.counters[miss.place], miss.version);
        }
        for (size_t i = 0; i < ids.size(); ++i) {
          ASSERT_EQ(look.items[i]->x[0], static_cast<float>(picked[i]));
          ASSERT_GE(look.items[i]->x[1], static_cast<float>(least_record[i]));
          ASSERT_GE(look.counters[i].total, least_count[i]);
        }
        ++reads;
      }
    });
  }
  Rng rng(99);
  for (int write = 0; write < kWrites; ++write) {
    const uint64_t item = rng.Below(kItems);
    if (write % 2 == 0) {
      ++records[item];
      cache.ForgetItem(names[item]);
      acknowledged[item] = records[item].load();
    } else {
      ++counts[item];
      cache.ForgetCounters(names[item]);
      counted[item] = counts[item].load();
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(cache.stats().evictions, 0);
  EXPECT_GT(cache.stats().hits, 0);
}

}  // namespace
}  // namespace attune
