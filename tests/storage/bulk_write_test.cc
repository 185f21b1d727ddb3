#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "storage/database.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

// The same random calls for both databases.
absl::Status Fill(uint64_t seed, int64_t calls, bool deletions,
                  WriteGroup& group) {
  Rng rng(seed);
  absl::Status status;
  for (int64_t i = 0; i < calls && status.ok(); ++i) {
    const std::string user = "user" + std::to_string(rng.Below(700));
    const std::string item = "item" + std::to_string(rng.Below(300));
    const uint64_t kind = rng.Below(1000);
    if (kind < 880) {
      v1::Event event =
          MakeEvent(user, item, static_cast<int64_t>(rng.Below(1'000'000)));
      if (rng.Bernoulli(0.5)) {
        event.set_event_id("e" + std::to_string(rng.Below(100'000)));
      }
      status = Append(group, event);
    } else if (kind < 930) {
      status = group.PutItem(MakeItem(item, "title " + std::to_string(i)));
    } else if (kind < 950) {
      status = group.PutItemVector(rng.Bernoulli(0.5) ? "m1" : "m2", item,
                                   std::to_string(i));
    } else if (kind < 970) {
      status = group.PutUser(MakeUser(user));
    } else if (kind < 980) {
      status = group.PutState("m1", user, "s");
    } else if (kind < 985) {
      status = group.AppendAudit(std::to_string(i));
    } else if (kind < 990) {
      status = group.PutMeta("key", std::to_string(i));
    } else if (!deletions) {
      continue;
    } else if (kind < 993) {
      status = group.DeleteUserItemEvents(user, item);
    } else if (kind < 995) {
      status = group.DeleteUserEvents(user);
    } else if (kind < 996) {
      status = group.DeleteUser(user);
    } else {
      status = group.DeleteItem(item);
    }
  }
  v1::JournalEntry entry;
  entry.set_rows_done(calls);
  if (status.ok()) status = group.PutJournal("events", "hash", entry);
  return status;
}

std::vector<std::string> DumpAll(Database& database) {
  std::vector<std::string> lines = Dump(database);
  for (const char* version : {"m1", "m2"}) {
    EXPECT_OK(database.ForEachItemVector(
        version, [&](std::string_view id, std::string_view bytes) {
          lines.push_back(std::string(id) + "=" + std::string(bytes));
          return absl::OkStatus();
        }));
  }
  EXPECT_OK(database.ForEachAudit([&](std::string_view bytes) {
    lines.emplace_back(bytes);
    return absl::OkStatus();
  }));
  lines.push_back(database.GetMeta("key")->value_or("none"));
  const auto journal = database.ReadJournal("events", "hash");
  lines.push_back((*journal)->SerializeAsString());
  for (int user = 0; user < 700; ++user) {
    if (database.GetState("m1", "user" + std::to_string(user))->has_value()) {
      lines.push_back("state of " + std::to_string(user));
    }
  }
  return lines;
}

class BulkWriteTest : public ::testing::TestWithParam<bool> {};

TEST_P(BulkWriteTest, EqualsWrite) {
  TemporaryDirectory directory;
  OpenOptions options = WriterOptions(directory.path() + "/written");
  options.history_limit = 50;
  const auto written = MustOpen(options);
  options.path = directory.path() + "/bulk";
  auto bulk = MustOpen(options);
  // Into an empty database, into one with files, and with rows in the log.
  for (const int64_t calls : {60'000, 500, 70'000}) {
    SCOPED_TRACE(calls);
    WriteGroup group;
    WriteSummary written_summary, bulk_summary;
    const uint64_t seed = static_cast<uint64_t>(calls);
    ASSERT_OK(Fill(seed, calls, GetParam(), group));
    ASSERT_OK(written->Write(std::move(group), {}, &written_summary));
    ASSERT_OK(Fill(seed, calls, GetParam(), group));
    ASSERT_OK(bulk->BulkWrite(std::move(group), &bulk_summary));
    EXPECT_TRUE(group.empty());
    EXPECT_EQ(bulk_summary.events_added, written_summary.events_added);
    EXPECT_EQ(bulk_summary.events_duplicate, written_summary.events_duplicate);
    EXPECT_EQ(bulk_summary.events_deleted, written_summary.events_deleted);
    EXPECT_EQ(bulk_summary.items_added, written_summary.items_added);
    EXPECT_EQ(bulk_summary.items_replaced, written_summary.items_replaced);
    EXPECT_GT(written_summary.events_duplicate, 0);
    EXPECT_EQ(GetParam() && calls > 500, written_summary.events_deleted > 0);
    ASSERT_EQ(DumpAll(*bulk), DumpAll(*written));
    EXPECT_FALSE(std::filesystem::exists(options.path + "/bulk.tmp"));
  }
  EXPECT_GT(bulk->Stats()->column_families[1].sst_bytes, 0);
  bulk.reset();
  bulk = MustOpen(options);
  EXPECT_EQ(DumpAll(*bulk), DumpAll(*written));
  ASSERT_OK(bulk->Compact());
  EXPECT_EQ(DumpAll(*bulk), DumpAll(*written));
}

INSTANTIATE_TEST_SUITE_P(Deletions, BulkWriteTest, ::testing::Bool());

TEST(BulkLoadTest, MakesCachedRowsNew) {
  TemporaryDirectory directory;
  const auto database = MustOpen(WriterOptions(directory.path() + "/db"));
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("item1", "old")));
  ASSERT_OK(database->Write(std::move(group)));
  const std::string_view ids[] = {"item1"};
  std::shared_ptr<const ItemRow> row;
  ASSERT_OK(database->MultiGetItems(ids, {&row, 1}));
  EXPECT_EQ(row->item->title(), "old");
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_OK(group.PutItem(MakeItem("item" + std::to_string(i), "new")));
  }
  ASSERT_OK(database->BulkWrite(std::move(group)));
  ASSERT_OK(database->MultiGetItems(ids, {&row, 1}));
  EXPECT_EQ(row->item->title(), "new");
  EXPECT_EQ(database->Stats()->items, 50'000);
}

TEST(BulkLoadTest, DropsModelVectorsInOneGroup) {
  TemporaryDirectory directory;
  const auto database = MustOpen(WriterOptions(directory.path() + "/db"));
  WriteGroup group;
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_OK(group.PutItemVector("m1", "item" + std::to_string(i), "v"));
  }
  ASSERT_OK(group.DeleteModelVectors("m1"));
  ASSERT_OK(group.PutItemVector("m1", "last", "v"));
  ASSERT_OK(database->BulkWrite(std::move(group)));
  int64_t vectors = 0;
  ASSERT_OK(database->ForEachItemVector(
      "m1", [&](std::string_view, std::string_view) {
        ++vectors;
        return absl::OkStatus();
      }));
  EXPECT_EQ(vectors, 1);
}

}  // namespace
}  // namespace attune::storage
