#include "engine/ingest/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/rng.h"
#include "database_test_base.h"
#include "engine/ingest/database_schema.h"
#include "storage/file_hash.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kRows = 5000;

class IngestTest : public DatabaseTest {
 protected:
  static std::string EventRow(int i) {
    Rng rng(static_cast<uint64_t>(i));
    return StrCat("u", rng.Below(50), "\ti", rng.Below(200), "\t",
                  rng.Bernoulli(0.3) ? "buy" : "view", "\t",
                  1'600'000'000 + i / 3, "\t", rng.Below(100), "\n");
  }
  static std::string EventRows(int rows, int bad_row = -1) {
    std::string text = "user_id\titem_id\taction\ttimestamp\tprice\n";
    for (int i = 0; i < rows; ++i) {
      text += i == bad_row ? "u1\ti1\tview\tnoon\t3\n" : EventRow(i);
    }
    return text;
  }

  absl::Status Ingest(storage::Database& database, const std::string& events,
                      IngestOptions options = {}) {
    options.events = {events};
    return IngestFiles(&database, options, &summary_);
  }
  const FileSummary& file() const { return summary_.files.at(0); }

  int64_t Events(storage::Database& database) {
    return database.Stats()->events;
  }
  // What the file gives in one go.
  std::string Expected(const std::string& path) {
    auto database = OpenDatabase(StrCat("expected", ++databases_));
    EXPECT_TRUE(Ingest(*database, path).ok());
    return Dump(*database);
  }

  IngestSummary summary_;
  int databases_ = 0;
};

TEST_F(IngestTest, TakesAFileOnce) {
  auto database = OpenDatabase("db");
  const std::string path = WriteFile("e.tsv", EventRows(kRows));
  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_EQ(file().rows, kRows);
  EXPECT_EQ(file().added, kRows);
  EXPECT_TRUE(file().complete);
  EXPECT_FALSE(file().already_done);
  const std::string once = Dump(*database);

  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_TRUE(file().already_done);
  EXPECT_EQ(file().rows, 0);
  EXPECT_EQ(Dump(*database), once);
  // The content counts, not the name.
  ASSERT_TRUE(Ingest(*database, WriteFile("copy.tsv", EventRows(kRows))).ok());
  EXPECT_TRUE(file().already_done);

  IngestOptions again;
  again.again = true;
  ASSERT_TRUE(Ingest(*database, path, again).ok());
  EXPECT_EQ(Events(*database), 2 * kRows);
}

TEST_F(IngestTest, TheSizeOfTheGroupsDoesNotMatter) {
  const std::string path = WriteFile("e.tsv", EventRows(kRows));
  const std::string expected = Expected(path);
  for (const int64_t rows : {1, 7, 1000}) {
    auto database = OpenDatabase(StrCat("db", rows));
    IngestOptions options;
    options.rows_per_write = rows;
    ASSERT_TRUE(Ingest(*database, path, options).ok());
    EXPECT_EQ(Dump(*database), expected) << rows;
  }
}

TEST_F(IngestTest, BulkLoadedAndWrittenRowsAreTheSame) {
  const int rows = 60'000;
  const std::string path = WriteFile("e.tsv", EventRows(rows));
  auto written = OpenDatabase("written"), loaded = OpenDatabase("loaded");
  IngestOptions options;
  options.rows_per_write = 20'000;
  ASSERT_TRUE(Ingest(*written, path, options).ok());
  options.rows_per_write = 1'000'000;
  ASSERT_TRUE(Ingest(*loaded, path, options).ok());
  EXPECT_EQ(Events(*loaded), rows);
  EXPECT_TRUE(Dump(*loaded) == Dump(*written));
}

TEST_F(IngestTest, StopsAtABadRowAndGoesOnInTheMendedFile) {
  auto database = OpenDatabase("db");
  const std::string path = WriteFile("e.tsv", EventRows(kRows, 3210));
  for (int round = 0; round < 2; ++round) {
    const absl::Status status = Ingest(*database, path);
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("e.tsv:3212: field \"timestamp\": not a number"));
    EXPECT_EQ(file().rows, round == 0 ? 3210 : 0);
    EXPECT_FALSE(file().complete);
    EXPECT_EQ(Events(*database), 3210);
  }
  WriteFile("e.tsv", EventRows(kRows));
  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_TRUE(file().changed_since);
  EXPECT_EQ(file().resumed_behind_line, 3211);
  EXPECT_EQ(file().rows, kRows - 3210);
  EXPECT_EQ(Dump(*database), Expected(path));
  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_TRUE(file().already_done);
}

TEST_F(IngestTest, SkipsCountsAndListsBadRows) {
  auto database = OpenDatabase("db");
  std::string text = EventRows(100, 50);
  for (int i = 0; i < 30; ++i) text += "only\tthree\tcells\n";
  text += EventRow(100);
  IngestOptions options;
  options.on_error = IngestOptions::OnError::kSkip;
  ASSERT_TRUE(Ingest(*database, WriteFile("e.tsv", text), options).ok());
  EXPECT_EQ(file().rows, 100);
  EXPECT_EQ(file().skipped, 31);
  ASSERT_EQ(file().errors.size(), 20u);
  EXPECT_THAT(file().errors[0], HasSubstr("e.tsv:52: field \"timestamp\""));
  EXPECT_THAT(file().errors[1], HasSubstr("e.tsv:102: 3 cells"));
  EXPECT_EQ(Events(*database), 100);
}

TEST_F(IngestTest, AGrownFileGoesOnWhereItEnded) {
  auto database = OpenDatabase("db");
  const std::string path = WriteFile("e.tsv", EventRows(1000));
  ASSERT_TRUE(Ingest(*database, path).ok());
  WriteFile("e.tsv", EventRows(1500));
  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_TRUE(file().changed_since);
  EXPECT_EQ(file().rows, 500);
  EXPECT_EQ(Dump(*database), Expected(path));
  // Another content under the name is another file.
  WriteFile("e.tsv", EventRows(10, 3) + EventRow(7));
  IngestOptions skip;
  skip.on_error = IngestOptions::OnError::kSkip;
  ASSERT_TRUE(Ingest(*database, path, skip).ok());
  EXPECT_FALSE(file().changed_since);
  EXPECT_EQ(file().rows, 10);
}

TEST_F(IngestTest, AFileWithoutALastLineEndMayGrowToo) {
  for (const char* line_end : {"\n", "\r\n"}) {
    auto database = OpenDatabase(StrCat("db", strlen(line_end)));
    std::string text = EventRows(10);
    text.pop_back();
    const std::string path =
        WriteFile(StrCat("e", strlen(line_end), ".tsv"), text);
    ASSERT_TRUE(Ingest(*database, path).ok());
    EXPECT_EQ(file().rows, 10);
    text += line_end + EventRow(10);
    std::ofstream(path, std::ios::binary) << text;
    ASSERT_TRUE(Ingest(*database, path).ok());
    EXPECT_TRUE(file().changed_since);
    EXPECT_EQ(file().rows, 1);
    EXPECT_EQ(Events(*database), 11);
  }
  // Where the last line itself has grown, nothing is known about it.
  auto database = OpenDatabase("db");
  std::string text = EventRows(10);
  text.pop_back();
  const std::string path = WriteFile("e.tsv", text);
  ASSERT_TRUE(Ingest(*database, path).ok());
  WriteFile("e.tsv", text + "5\n");
  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_FALSE(file().changed_since);
}

TEST_F(IngestTest, ATruncatedGzipKeepsItsRowsAndTheWholeFileGoesOn) {
  auto database = OpenDatabase("db");
  const std::string text = EventRows(kRows);
  const std::string path = WriteGzip("e.tsv.gz", text, 0.5);
  IngestOptions skip;  // not a matter of rows
  skip.on_error = IngestOptions::OnError::kSkip;
  const absl::Status status = Ingest(*database, path, skip);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  const int64_t taken = file().rows;
  EXPECT_GT(taken, 1000);
  EXPECT_LT(taken, kRows);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(StrCat("e.tsv.gz:", taken + 2,
                               ": gzip data is "
                               "truncated")));
  WriteGzip("e.tsv.gz", text);
  ASSERT_TRUE(Ingest(*database, path).ok());
  EXPECT_EQ(file().rows, kRows - taken);
  EXPECT_EQ(Dump(*database), Expected(path));
}

TEST_F(IngestTest, ACancelledRunGoesOn) {
  auto database = OpenDatabase("db");
  const std::string path = WriteFile("e.tsv", EventRows(3 * kRows));
  std::atomic<bool> cancelled = true;
  IngestOptions options;
  options.cancelled = &cancelled;
  EXPECT_TRUE(absl::IsCancelled(Ingest(*database, path, options)));
  EXPECT_GT(file().rows, 0);
  EXPECT_LT(file().rows, 3 * kRows);
  cancelled = false;
  ASSERT_TRUE(Ingest(*database, path, options).ok());
  EXPECT_FALSE(file().changed_since);
  EXPECT_GT(file().resumed_behind_line, 0);
  EXPECT_EQ(Dump(*database), Expected(path));
}

TEST_F(IngestTest, EventIdsAreTakenOnce) {
  auto database = OpenDatabase("db");
  std::string text = "event_id\tuser_id\titem_id\ttimestamp\n";
  for (int i = 0; i < 100; ++i) {
    text += StrCat("e", i % 80, "\tu\ti\t", 1000 + i, "\n");
  }
  ASSERT_TRUE(Ingest(*database, WriteFile("a.tsv", text)).ok());
  EXPECT_EQ(file().added, 80);
  EXPECT_EQ(file().duplicates, 20);
  // In another file, and even on purpose.
  IngestOptions again;
  again.again = true;
  ASSERT_TRUE(
      Ingest(*database, WriteFile("b.tsv", text + "e99\tu\ti\t9\n"), again)
          .ok());
  EXPECT_EQ(file().added, 1);
  EXPECT_EQ(Events(*database), 81);
}

TEST_F(IngestTest, TheLastOfRepeatedItemsWins) {
  auto database = OpenDatabase("db");
  IngestOptions options;
  options.items = {
      WriteFile("i.jsonl",
                "{\"item_id\":1,\"title\":\"old\"}\n{\"item_id\":2}\n"
                "{\"item_id\":\"1\",\"title\":\"new\"}\n")};
  ASSERT_TRUE(IngestFiles(database.get(), options, &summary_).ok());
  EXPECT_EQ(file().rows, 3);
  EXPECT_EQ(file().repeated, 1);
  EXPECT_EQ(database->GetItem("1").value()->title(), "new");
  EXPECT_EQ(database->Stats()->items, 2);
}

TEST_F(IngestTest, RowsWithoutTimeAndOrderKeepTheOrderOfTheFiles) {
  auto database = OpenDatabase("db");
  ASSERT_TRUE(Ingest(*database, WriteFile("a.tsv",
                                          "user_id\titem_id\nu\tb\n"
                                          "u\ta\n"))
                  .ok());
  EXPECT_EQ(file().numbered_here, 2);
  EXPECT_EQ(file().without_time, 2);
  ASSERT_TRUE(Ingest(*database, WriteFile("b.tsv",
                                          "user_id\titem_id\nu\tc\n"
                                          "u\t0\n"))
                  .ok());
  const auto history = database->GetHistory("u");
  std::vector<std::string> items;
  for (const v1::HistoryEvent& event : history->events()) {
    items.push_back(event.item_id());
    EXPECT_FALSE(event.has_time());
  }
  EXPECT_THAT(items, ElementsAre("b", "a", "c", "0"));
}

TEST_F(IngestTest, EqualTimesKeepTheOrderOfTheFile) {
  auto database = OpenDatabase("db");
  std::string text = "user_id\titem_id\ttimestamp\n";
  for (int i = 0; i < 50; ++i) text += StrCat("u\t", (i * 37) % 50, "\t100\n");
  IngestOptions options;
  options.rows_per_write = 8;
  ASSERT_TRUE(Ingest(*database, WriteFile("a.tsv", text), options).ok());
  const auto history = database->GetHistory("u");
  ASSERT_EQ(history->events_size(), 50);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(history->events(i).item_id(), StrCat((i * 37) % 50));
  }
}

TEST_F(IngestTest, AWrongMapOrFileWritesNothing) {
  auto database = OpenDatabase("db");
  const std::string items = WriteFile("i.tsv", "book_id\tname\n1\tA\n");
  const std::string events =
      WriteFile("e.tsv", "user_id\tbook_id\tpos\nu\t1\t1\n");
  IngestOptions options;
  options.items = {items};
  options.events = {events};
  options.map = ColumnMap::Parse("item_id=book,order=pos").value();
  absl::Status status = IngestFiles(database.get(), options, &summary_);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no column \"book\" in " + items + ", " + events +
                        "; the columns are: book_id, name, user_id, pos"));
  options.events = {Path("absent.tsv")};
  options.map = ColumnMap();
  EXPECT_TRUE(
      absl::IsNotFound(IngestFiles(database.get(), options, &summary_)));
  const std::string other = WriteFile("o.tsv", "user\tbook_id\nu\t1\n");
  options.events = {other};
  options.map = ColumnMap::Parse("item_id=book_id").value();
  EXPECT_THAT(
      std::string(IngestFiles(database.get(), options, &summary_).message()),
      HasSubstr(other + ":1: there is no column \"user_id\" among user, "
                        "book_id; --map user_id=COLUMN"));
  EXPECT_EQ(Dump(*database), "");

  // A name of the map may be in one of the files only.
  options.events = {events};
  options.map =
      ColumnMap::Parse("item_id=book_id,title=name,order=pos").value();
  status = IngestFiles(database.get(), options, &summary_);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(database->GetItem("1").value()->title(), "A");
  EXPECT_EQ(database->GetHistory("u")->events_size(), 1);
}

TEST_F(IngestTest, InfersTypesAndKeepsThem) {
  auto database = OpenDatabase("db");
  IngestOptions options;
  options.items = {WriteFile("a.tsv",
                             "item_id\tyear\tgenres\tlanguage\n1\t1984\ta|b\ten"
                             "\n2\t2001\tc\tfr\n3\t1999\ta\ten\n")};
  ASSERT_TRUE(IngestFiles(database.get(), options, &summary_).ok());
  EXPECT_EQ(summary_.inferred.size(), 3u);
  const features::Schema schema = LoadSchema(*database).value();
  auto type = [&](const char* name) {
    const features::Column* column = schema.Find(features::Entity::kItem, name);
    return column == nullptr ? "" : features::ColumnTypeName(column->type);
  };
  EXPECT_EQ(type("year"), "numeric");
  EXPECT_EQ(type("genres"), "multi");
  EXPECT_EQ(type("language"), "categorical");

  // A later file does not change what is known, and adds what is not.
  options.items = {
      WriteFile("b.tsv", "item_id\tyear\tsize\n4\tunknown\t7\n5\t2002\t8\n")};
  ASSERT_TRUE(IngestFiles(database.get(), options, &summary_).ok());
  EXPECT_EQ(file().misfits, 1);
  ASSERT_EQ(summary_.inferred.size(), 1u);
  EXPECT_EQ(summary_.inferred[0].name, "size");
  const auto later = LoadSchema(*database);
  EXPECT_EQ(later->columns().size(), 4u);
}

TEST_F(IngestTest, ADeclaredSchemaIsALawAndMapsNames) {
  auto database = OpenDatabase("db");
  IngestOptions options;
  options.schema = features::Schema::FromJson(
                       R"({"columns": [{"name": "year", "entity": "item",
                                        "type": "numeric"}],
                           "map": {"item_id": "isbn"},
                           "actions": {"default": "read"}})")
                       .value();
  options.items = {WriteFile("a.tsv", "isbn\tyear\n007\t1984\n008\told\n")};
  const absl::Status status = IngestFiles(database.get(), options, &summary_);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a.tsv:3: field \"year\": not a number (got \"old\"); "
                        "the schema says numeric"));
  EXPECT_TRUE(database->GetItem("007").value().has_value());
  // It is remembered.
  IngestOptions plain;
  plain.events = {WriteFile("e.tsv", "user_id\tisbn\nu\t007\n")};
  ASSERT_TRUE(IngestFiles(database.get(), plain, &summary_).ok());
  EXPECT_EQ(database->GetHistory("u")->events(0).action(), "read");
  EXPECT_EQ(database->GetHistory("u")->events(0).item_id(), "007");
}

TEST_F(IngestTest, AFileAndItsGzipAreOne) {
  auto database = OpenDatabase("db");
  const std::string text = EventRows(kRows);
  const std::string plain = WriteFile("e.tsv", text);
  const std::string packed = WriteGzip("packed.tsv.gz", text);
  ASSERT_TRUE(Ingest(*database, plain).ok());
  ASSERT_TRUE(Ingest(*database, packed).ok());
  EXPECT_TRUE(file().already_done);
  EXPECT_EQ(Events(*database), kRows);

  auto other = OpenDatabase("other");
  ASSERT_TRUE(Ingest(*other, packed).ok());
  ASSERT_TRUE(Ingest(*other, plain).ok());
  EXPECT_TRUE(file().already_done);
  EXPECT_EQ(Events(*other), kRows);
}

TEST_F(IngestTest, AGzipTakenByItsBytesIsKnown) {
  // As databases were written before content was hashed.
  auto database = OpenDatabase("db");
  const std::string packed = WriteGzip("packed.tsv.gz", EventRows(kRows));
  v1::JournalEntry entry;
  entry.set_complete(true);
  entry.set_summary(R"({"offset": 1, "line": 1, "rows": 1})");
  storage::WriteGroup group;
  ASSERT_TRUE(
      group.PutJournal("events", *storage::HashFile(packed), entry).ok());
  ASSERT_TRUE(database->Write(std::move(group)).ok());
  ASSERT_TRUE(Ingest(*database, packed).ok());
  EXPECT_TRUE(file().already_done);
  EXPECT_EQ(Events(*database), 0);
}

TEST_F(IngestTest, AFileOfWhichNoRowWasTakenLeavesNoSchema) {
  auto database = OpenDatabase("db");
  const std::string header = "user_id\titem_id\ttimestamp\tprice\n";
  // The second row would have made the price a text.
  const std::string bad =
      WriteFile("bad.tsv", header + "u\ti\tnoon\t1\nu\ti\t1600000000\tlow\n");
  EXPECT_FALSE(Ingest(*database, bad).ok());
  EXPECT_THAT(summary_.inferred, IsEmpty());
  EXPECT_THAT(LoadSchema(*database)->columns(), IsEmpty());

  const std::string good =
      WriteFile("good.tsv", header + "u\ti\t1600000000\t1\n");
  ASSERT_TRUE(Ingest(*database, good).ok());
  const features::Schema schema = *LoadSchema(*database);
  ASSERT_NE(schema.Find(features::Entity::kEvent, "price"), nullptr);
  EXPECT_EQ(schema.Find(features::Entity::kEvent, "price")->type,
            features::ColumnType::kNumeric);
}

TEST_F(IngestTest, ADeclaredSchemaGoesWithItsFailedFileToo) {
  auto database = OpenDatabase("db");
  IngestOptions options;
  options.schema = *features::Schema::FromJson(
      R"({"columns": [{"name": "price", "entity": "event",
                       "type": "numeric"}]})",
      "schema.json");
  const std::string path =
      WriteFile("e.tsv", "user_id\titem_id\ttimestamp\tprice\nu\ti\t1\tlow\n");
  EXPECT_FALSE(Ingest(*database, path, options).ok());
  EXPECT_THAT(LoadSchema(*database)->columns(), IsEmpty());
  EXPECT_TRUE(Ingest(*database, path).ok());
}

TEST_F(IngestTest, EmptyFilesAreDoneAtOnce) {
  auto database = OpenDatabase("db");
  ASSERT_TRUE(Ingest(*database, WriteFile("a.jsonl", "")).ok());
  EXPECT_TRUE(file().complete);
  ASSERT_TRUE(Ingest(*database, WriteFile("a.tsv", "user_id\titem_id\n")).ok());
  EXPECT_TRUE(file().complete);
  EXPECT_TRUE(
      absl::IsInvalidArgument(Ingest(*database, WriteFile("b.tsv", ""))));
}

}  // namespace
}  // namespace attune
