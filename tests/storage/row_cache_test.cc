#include "storage/row_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "storage/database.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

std::shared_ptr<const ItemRow> RowOf(const std::string& title) {
  auto row = std::make_shared<ItemRow>();
  row->item = std::make_shared<v1::Item>(MakeItem("id", title));
  return row;
}

TEST(RowCacheTest, KeepsTheMostRecentlyUsedWithinItsBytes) {
  RowCache cache(64 << 10);  // one shard
  std::shared_ptr<const ItemRow> row;
  const std::string text(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i);
    cache.Insert(id, RowOf(text), cache.Get(id, row).version);
    EXPECT_EQ(cache.Get("0", row).found, RowCache::Found::kRow);
    EXPECT_LE(cache.usage().bytes, 64 << 10);
  }
  EXPECT_GT(cache.usage().rows, 5);
  EXPECT_LT(cache.usage().rows, 60);
  EXPECT_EQ(cache.Get("99", row).found, RowCache::Found::kRow);
  EXPECT_EQ(cache.Get("1", row).found, RowCache::Found::kNothing);
  cache.Insert("huge", RowOf(std::string(1 << 20, 'x')),
               cache.Get("huge", row).version);
  EXPECT_EQ(cache.Get("huge", row).found, RowCache::Found::kNothing);
  EXPECT_EQ(cache.Get("0", row).found, RowCache::Found::kRow);
  cache.Clear();
  EXPECT_EQ(cache.usage().rows, 0);
  EXPECT_EQ(cache.usage().bytes, 0);
}

TEST(RowCacheTest, OutdatedReadsAreNotInserted) {
  RowCache cache(1 << 20);
  std::shared_ptr<const ItemRow> row;
  const uint64_t before = cache.Get("a", row).version;
  cache.InvalidateRow("a");
  cache.Insert("a", RowOf("old"), before);
  const RowCache::Lookup lookup = cache.Get("a", row);
  EXPECT_EQ(lookup.found, RowCache::Found::kNothing);
  cache.Insert("a", RowOf("new"), lookup.version);
  EXPECT_EQ(cache.Get("a", row).found, RowCache::Found::kRow);
  EXPECT_EQ(row->item->title(), "new");
  cache.InvalidateCounters("a");
  EXPECT_EQ(cache.Get("a", row).found, RowCache::Found::kRecord);
}

TEST(RowCacheTest, WithoutCapacityNothingIsKept) {
  RowCache cache(0);
  std::shared_ptr<const ItemRow> row;
  cache.Insert("a", RowOf("x"), cache.Get("a", row).version);
  EXPECT_EQ(cache.Get("a", row).found, RowCache::Found::kNothing);
}

class MultiGetItemsTest : public ::testing::Test {
 protected:
  std::vector<std::shared_ptr<const ItemRow>> Get(
      const std::vector<std::string_view>& ids) {
    std::vector<std::shared_ptr<const ItemRow>> rows(ids.size());
    EXPECT_OK(database_->MultiGetItems(ids, rows));
    return rows;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Database> database_ =
      MustOpen(WriterOptions(directory_.path() + "/db"));
};

TEST_F(MultiGetItemsTest, AnswersEveryId) {
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("a", "A")));
  ASSERT_OK(group.PutItem(MakeItem("b", "B")));
  ASSERT_OK(Append(group, MakeEvent("ann", "b", 1)));
  ASSERT_OK(Append(group, MakeEvent("ann", "ghost", 1)));
  ASSERT_OK(database_->Write(std::move(group)));
  const std::vector<std::string_view> ids = {"b", "none", "a",   "ghost",
                                             "b", "",     "\xff"};
  for (int round = 0; round < 2; ++round) {
    const auto rows = Get(ids);
    EXPECT_EQ(rows[0]->item->title(), "B");
    EXPECT_EQ(rows[0]->counters.counters(0).total(), 1);
    EXPECT_EQ(rows[1]->item, nullptr);
    EXPECT_EQ(rows[1]->counters.counters_size(), 0);
    EXPECT_EQ(rows[2]->item->title(), "A");
    EXPECT_EQ(rows[3]->item, nullptr);
    EXPECT_EQ(rows[3]->counters.counters(0).total(), 1);
    EXPECT_EQ(rows[4]->item->title(), "B");
    EXPECT_EQ(rows[5]->item, nullptr);
    EXPECT_EQ(rows[6]->item, nullptr);
    const Statistics stats = *database_->Stats();
    EXPECT_EQ(stats.row_cache_hits, round == 0 ? 0 : 7);
    EXPECT_EQ(stats.row_cache_misses, 7);
  }
  std::shared_ptr<const ItemRow> row;
  EXPECT_EQ(database_->MultiGetItems(ids, {&row, 1}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(MultiGetItemsTest, WritesShowAtOnce) {
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("a", "1")));
  ASSERT_OK(database_->Write(std::move(group)));
  const auto first = Get({"a"})[0];
  ASSERT_OK(Append(group, MakeEvent("ann", "a", 1)));
  ASSERT_OK(database_->Write(std::move(group)));
  const auto counted = Get({"a"})[0];
  EXPECT_EQ(counted->counters.counters(0).total(), 1);
  EXPECT_EQ(counted->item, first->item);  // the record was not read again
  EXPECT_EQ(first->counters.counters_size(), 0);
  ASSERT_OK(group.PutItem(MakeItem("a", "2")));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(Get({"a"})[0]->item->title(), "2");
  EXPECT_EQ(Get({"a"})[0]->counters.counters(0).total(), 1);
  ASSERT_OK(group.DeleteItem("a"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(Get({"a"})[0]->item, nullptr);
  EXPECT_EQ(Get({"a"})[0]->counters.counters(0).total(), 1);
}

// Readers never see a row that is older than what was acknowledged before they
// asked.
TEST_F(MultiGetItemsTest, ReadersNeverGoBack) {
  constexpr int kItems = 20;
  constexpr int kWrites = 1500;
  std::vector<std::string> names;
  for (int i = 0; i < kItems; ++i) names.push_back("i" + std::to_string(i));
  std::vector<std::atomic<int64_t>> acknowledged(kItems);
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  std::atomic<int64_t> reads = 0;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    readers.emplace_back([&, seed] {
      Rng rng(seed);
      while (!stop || reads < 100) {
        std::vector<std::string_view> ids;
        std::vector<int64_t> least;
        std::vector<uint64_t> picked;
        for (int i = 0; i < 8; ++i) {
          picked.push_back(rng.Below(kItems));
          ids.push_back(names[picked.back()]);
          least.push_back(acknowledged[picked.back()]);
        }
        const auto rows = Get(ids);
        for (size_t i = 0; i < ids.size(); ++i) {
          const int64_t title =
              rows[i]->item == nullptr ? 0 : std::stoll(rows[i]->item->title());
          const int64_t counted =
              rows[i]->counters.counters_size() == 0
                  ? 0
                  : static_cast<int64_t>(rows[i]->counters.counters(0).total());
          ASSERT_GE(title, least[i]);
          ASSERT_GE(counted, least[i]);
        }
        ++reads;
      }
    });
  }
  Rng rng(99);
  for (int write = 0; write < kWrites; ++write) {
    const uint64_t item = rng.Below(kItems);
    const int64_t number = acknowledged[item] + 1;
    WriteGroup group;
    ASSERT_OK(group.PutItem(MakeItem(names[item], std::to_string(number))));
    ASSERT_OK(Append(group, MakeEvent("ann", names[item], write)));
    ASSERT_OK(database_->Write(std::move(group)));
    acknowledged[item] = number;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (int i = 0; i < kItems; ++i) {
    EXPECT_EQ(
        Get({names[static_cast<size_t>(i)]})[0]->counters.counters(0).total(),
        static_cast<double>(acknowledged[static_cast<size_t>(i)]));
  }
}

}  // namespace
}  // namespace attune::storage
