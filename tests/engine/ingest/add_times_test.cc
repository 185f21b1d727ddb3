#include "engine/ingest/add_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database_test_base.h"
#include "engine/ingest/ingest.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AddTimesTest : public DatabaseTest {
 protected:
  void Ingest(std::string_view events) {
    IngestOptions options;
    options.events = {WriteFile("e.tsv", events)};
    IngestSummary summary;
    const absl::Status status = IngestFiles(database_.get(), options, &summary);
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::Status Add(std::string_view rows) {
    IngestOptions options;
    options.times = WriteFile("t.tsv", rows);
    IngestSummary summary;
    const absl::Status status = IngestFiles(database_.get(), options, &summary);
    summary_ = summary.times;
    return status;
  }
  std::vector<std::string> History(std::string_view user_id) {
    std::vector<std::string> rows;
    const auto history = database_->GetHistory(user_id);
    EXPECT_TRUE(history.ok());
    EXPECT_EQ(history->count(), history->events_size());
    for (const v1::HistoryEvent& event : history->events()) {
      rows.push_back(StrCat(event.item_id(), event.has_time() ? "@" : "#",
                            event.sort_key()));
    }
    return rows;
  }

  std::unique_ptr<storage::Database> database_ = OpenDatabase("db");
  AddTimesSummary summary_;
};

TEST_F(AddTimesTest, TimesCompleteUsersAndLeavesOthers) {
  Ingest(
      "user_id\titem_id\taction\torder\tevent_id\n"
      "ann\ta\tview\t1\te1\nann\tb\tview\t2\te2\nann\ta\tbuy\t3\te3\n"
      "bob\ta\tview\t1\te4\nbob\tb\tview\t2\te5\n");
  const std::string times =
      "user_id\titem_id\ttimestamp\n"
      "ann\tb\t200\nann\ta\t100\nann\ta\t300\nbob\ta\t100\neve\ta\t5\n";
  ASSERT_TRUE(Add(times).ok());
  EXPECT_EQ(summary_.rows, 5);
  EXPECT_EQ(summary_.events_timed, 3);
  EXPECT_EQ(summary_.users_timed, 1);
  EXPECT_EQ(summary_.users_incomplete, 1);
  EXPECT_EQ(summary_.users_without_need, 1);
  EXPECT_THAT(History("ann"), ElementsAre("a@100000", "b@200000", "a@300000"));
  EXPECT_THAT(History("bob"), ElementsAre("a#1", "b#2"));
  EXPECT_EQ(database_->Stats()->events, 5);

  // Once more changes nothing, and the events' ids stay spent.
  const std::string dump = Dump(*database_);
  ASSERT_TRUE(Add(times).ok());
  EXPECT_EQ(summary_.events_timed, 0);
  EXPECT_EQ(Dump(*database_), dump);
  Ingest("user_id\titem_id\torder\tevent_id\nann\tz\t9\te1\n");
  EXPECT_EQ(database_->Stats()->events, 5);
}

TEST_F(AddTimesTest, TheResultIsThatOfATimedLog) {
  const std::string head = "user_id\titem_id\taction\torder";
  std::string untimed = head + "\n", timed = head + "\ttimestamp\n",
              times = "user_id\titem_id\ttimestamp\n";
  for (int i = 0; i < 60; ++i) {
    const std::string row = StrCat("u", i % 4, "\ti", (i * 7) % 10, "\t",
                                   i % 3 == 0 ? "buy" : "view", "\t", i);
    const int64_t seconds = 1'600'000'000 + i * 50'000;
    untimed += row + "\n";
    timed += StrCat(row, "\t", seconds, "\n");
    times += StrCat("u", i % 4, "\ti", (i * 7) % 10, "\t", seconds, "\n");
  }
  Ingest(untimed);
  ASSERT_TRUE(Add(times).ok());
  EXPECT_EQ(summary_.events_timed, 60);
  const std::string added = Dump(*database_);
  database_ = OpenDatabase("expected");
  Ingest(timed);
  EXPECT_EQ(added, Dump(*database_));
}

TEST_F(AddTimesTest, ABadRowWritesNothing) {
  Ingest("user_id\titem_id\torder\nann\ta\t1\n");
  const absl::Status status =
      Add("user_id\titem_id\ttimestamp\nann\ta\t100\nann\tb\t\n");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("t.tsv:3: there is neither \"timestamp\" nor"));
  EXPECT_THAT(History("ann"), ElementsAre("a#1"));
}

}  // namespace
}  // namespace attune
