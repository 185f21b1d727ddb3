#include "storage/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/record_hash.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DatabaseTest : public ::testing::Test {
 protected:
  void Reopen() {
    database_.reset();
    database_ = MustOpen(WriterOptions(directory_.path() + "/db"));
    ASSERT_NE(database_, nullptr);
  }
  void SetUp() override { Reopen(); }

  Statistics Stats() {
    absl::StatusOr<Statistics> stats = database_->Stats();
    EXPECT_TRUE(stats.ok()) << stats.status();
    return stats.ok() ? *stats : Statistics();
  }
  v1::History History(std::string_view user_id) {
    absl::StatusOr<v1::History> history = database_->GetHistory(user_id);
    EXPECT_TRUE(history.ok()) << history.status();
    return history.ok() ? *history : v1::History();
  }
  std::vector<std::string> EventsOf(std::string_view user_id) {
    std::vector<std::string> events;
    EXPECT_OK(database_->ForEachUserEvent(user_id, [&](const v1::Event& event) {
      EXPECT_EQ(event.user_id(), user_id);
      events.push_back(event.item_id());
      return absl::OkStatus();
    }));
    return events;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, RecordsSurviveReopening) {
  v1::Item item = MakeItem("book-1", "Дом — 家");
  item.add_tags("novel");
  v1::Feature& feature = *item.add_features();
  feature.set_name("year");
  feature.mutable_value()->set_number(1926);
  WriteGroup group;
  ASSERT_OK(group.PutItem(item));
  ASSERT_OK(group.PutUser(MakeUser("ann")));
  ASSERT_OK(group.PutMeta("schema", "{}"));
  ASSERT_OK(group.AppendAudit("first"));
  ASSERT_OK(group.AppendAudit("second"));
  WriteSummary summary;
  ASSERT_OK(database_->Write(std::move(group), {.sync = true}, &summary));
  EXPECT_EQ(summary.items_added, 1);
  EXPECT_EQ(summary.users_added, 1);

  for (int round = 0; round < 2; ++round) {
    const auto read = database_->GetItem("book-1");
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_TRUE(read->has_value());
    EXPECT_EQ((*read)->SerializeAsString(), item.SerializeAsString());
    EXPECT_TRUE(database_->GetUser("ann")->has_value());
    EXPECT_FALSE(database_->GetUser("bob")->has_value());
    EXPECT_FALSE(database_->GetItem("book-2")->has_value());
    EXPECT_EQ(database_->GetMeta("schema")->value(), "{}");
    EXPECT_FALSE(database_->GetMeta("other")->has_value());
    std::vector<std::string> audit;
    EXPECT_OK(database_->ForEachAudit([&](std::string_view bytes) {
      audit.emplace_back(bytes);
      return absl::OkStatus();
    }));
    EXPECT_THAT(audit, ElementsAre("first", "second"));
    EXPECT_EQ(Stats().items, 1);
    EXPECT_EQ(Stats().users, 1);
    Reopen();
  }
}

TEST_F(DatabaseTest, CountsReplacementsOnce) {
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("a", "1")));
  ASSERT_OK(group.PutItem(MakeItem("a", "2")));
  ASSERT_OK(group.PutItem(MakeItem("b", "1")));
  WriteSummary summary;
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.items_added, 2);
  EXPECT_EQ(summary.items_replaced, 1);
  EXPECT_TRUE(group.empty());
  ASSERT_OK(group.PutItem(MakeItem("a", "3")));
  ASSERT_OK(group.DeleteItem("b"));
  ASSERT_OK(group.DeleteItem("c"));
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.items_replaced, 1);
  EXPECT_EQ(Stats().items, 1);
  EXPECT_EQ(database_->GetItem("a")->value().title(), "3");
  EXPECT_FALSE(database_->GetItem("b")->has_value());
}

TEST_F(DatabaseTest, HistoryKeepsTimeOrder) {
  WriteGroup group;
  ASSERT_OK(Append(group, MakeEvent("ann", "a", 10)));
  ASSERT_OK(Append(group, MakeEvent("ann", "b", 20)));
  ASSERT_OK(database_->Write(std::move(group)));
  const v1::History born = History("ann");
  EXPECT_EQ(Events(born), "a@10 b@20");
  EXPECT_EQ(born.count(), 2);
  EXPECT_GT(born.epoch(), 0);

  ASSERT_OK(Append(group, MakeEvent("ann", "c", 20)));
  ASSERT_OK(database_->Write(std::move(group)));
  const v1::History appended = History("ann");
  EXPECT_EQ(Events(appended), "a@10 b@20 c@20");
  EXPECT_EQ(appended.count(), 3);
  EXPECT_EQ(appended.epoch(), born.epoch());

  ASSERT_OK(Append(group, MakeEvent("ann", "late", 10)));
  ASSERT_OK(database_->Write(std::move(group)));
  const v1::History late = History("ann");
  EXPECT_EQ(Events(late), "a@10 late@10 b@20 c@20");
  EXPECT_EQ(late.count(), 4);
  EXPECT_GT(late.epoch(), appended.epoch());
  EXPECT_THAT(EventsOf("ann"), ElementsAre("a", "late", "b", "c"));
  EXPECT_EQ(Stats().histories, 1);
  EXPECT_EQ(Stats().events, 4);

  EXPECT_EQ(History("unknown").count(), 0);
  EXPECT_EQ(History("unknown").events_size(), 0);
}

TEST_F(DatabaseTest, ImpressionsAreEventsWithoutHistory) {
  v1::Event event = MakeEvent("ann", "a", 10, "impression");
  event.add_followed("click");
  WriteGroup group;
  const CounterUpdate updates[] = {
      {.item_id = "a", .action = "impression", .time_ms = 10},
      {.item_id = "a", .action = "click", .time_ms = 10}};
  ASSERT_OK(group.AppendEvent(event, nullptr, updates));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(History("ann").count(), 0);
  EXPECT_THAT(EventsOf("ann"), ElementsAre("a"));
  EXPECT_EQ(Stats().histories, 0);
  const std::string_view ids[] = {"a", "b"};
  const auto counters = database_->GetCounters(ids);
  ASSERT_TRUE(counters.ok()) << counters.status();
  ASSERT_EQ((*counters)[0].counters_size(), 2);
  EXPECT_EQ((*counters)[0].counters(0).action(), "click");
  EXPECT_EQ((*counters)[0].counters(1).action(), "impression");
  EXPECT_EQ((*counters)[0].counters(1).total(), 1);
  EXPECT_EQ((*counters)[1].counters_size(), 0);
}

TEST_F(DatabaseTest, EventIdsAreAcceptedOnce) {
  v1::Event event = MakeEvent("ann", "a", 10);
  event.set_event_id("e1");
  WriteGroup group;
  ASSERT_OK(Append(group, event));
  ASSERT_OK(Append(group, event));
  WriteSummary summary;
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.events_added, 1);
  EXPECT_EQ(summary.events_duplicate, 1);
  Reopen();
  ASSERT_OK(Append(group, event));
  event.set_event_id("e2");
  ASSERT_OK(Append(group, event));
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.events_added, 1);
  EXPECT_EQ(summary.events_duplicate, 1);
  EXPECT_EQ(History("ann").count(), 2);
  EXPECT_EQ(Stats().events, 2);
  const std::string_view ids[] = {"a"};
  EXPECT_EQ(database_->GetCounters(ids)->at(0).counters(0).total(), 2);
  const std::vector<std::string> event_ids = {"e1", "", "e3", "e2"};
  const auto seen = database_->SeenEventIds(event_ids);
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_THAT(*seen, ElementsAre(true, false, false, true));
}

TEST_F(DatabaseTest, DeletingUserEventsForgetsThem) {
  WriteGroup group;
  v1::Event event = MakeEvent("ann", "a", 10);
  event.set_event_id("e1");
  ASSERT_OK(Append(group, event));
  ASSERT_OK(Append(group, MakeEvent("ann", "b", 20)));
  ASSERT_OK(Append(group, MakeEvent("ann", "a", 30)));
  ASSERT_OK(Append(group, MakeEvent("anna", "a", 30)));
  ASSERT_OK(group.PutUser(MakeUser("ann")));
  ASSERT_OK(group.PutState("m1", "ann", "state"));
  ASSERT_OK(group.PutState("m2", "ann", "state"));
  ASSERT_OK(group.PutState("m1", "anna", "state"));
  ASSERT_OK(database_->Write(std::move(group)));
  const v1::History before = History("ann");

  ASSERT_OK(group.DeleteUserItemEvents("ann", "a"));
  WriteSummary summary;
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.events_deleted, 2);
  v1::History history = History("ann");
  EXPECT_EQ(Events(history), "b@20");
  EXPECT_EQ(history.count(), 1);
  EXPECT_GT(history.epoch(), before.epoch());
  EXPECT_THAT(EventsOf("ann"), ElementsAre("b"));

  // Rows of the same group are deleted with the stored ones, later ones stay.
  ASSERT_OK(Append(group, MakeEvent("ann", "c", 40)));
  ASSERT_OK(group.DeleteUserEvents("ann"));
  ASSERT_OK(Append(group, MakeEvent("ann", "d", 50)));
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.events_deleted, 2);
  const v1::History reborn = History("ann");
  EXPECT_EQ(Events(reborn), "d@50");
  EXPECT_EQ(reborn.count(), 1);
  EXPECT_GT(reborn.epoch(), history.epoch());
  EXPECT_THAT(EventsOf("ann"), ElementsAre("d"));
  EXPECT_TRUE(database_->GetUser("ann")->has_value());
  EXPECT_EQ(Stats().events, 2);
  EXPECT_EQ(Stats().histories, 2);

  ASSERT_OK(group.DeleteUser("ann"));
  ASSERT_OK(group.DeleteUser("nobody"));
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(History("ann").count(), 0);
  EXPECT_FALSE(database_->GetUser("ann")->has_value());
  EXPECT_FALSE(database_->GetState("m1", "ann")->has_value());
  EXPECT_FALSE(database_->GetState("m2", "ann")->has_value());
  EXPECT_TRUE(database_->GetState("m1", "anna")->has_value());
  EXPECT_THAT(EventsOf("ann"), ElementsAre());
  EXPECT_THAT(EventsOf("anna"), ElementsAre("a"));
  EXPECT_EQ(Stats().events, 1);
  EXPECT_EQ(Stats().histories, 1);
  EXPECT_EQ(Stats().users, 0);
  // What was counted stays, and so does the used id.
  const std::string_view ids[] = {"a"};
  EXPECT_EQ(database_->GetCounters(ids)->at(0).counters(0).total(), 3);
  ASSERT_OK(Append(group, event));
  ASSERT_OK(database_->Write(std::move(group), {}, &summary));
  EXPECT_EQ(summary.events_duplicate, 1);
}

TEST_F(DatabaseTest, VectorsBelongToModelVersions) {
  WriteGroup group;
  ASSERT_OK(group.PutItemVector("m1", "a", "1a"));
  ASSERT_OK(group.PutItemVector("m1", "b", "1b"));
  ASSERT_OK(group.PutItemVector("m10", "a", "10a"));
  ASSERT_OK(group.PutItemVector("m2", "a", "2a"));
  ASSERT_OK(group.PutItem(MakeItem("a", "")));
  ASSERT_OK(database_->Write(std::move(group)));
  const auto vectors = [&](std::string_view version) {
    std::vector<std::string> result;
    EXPECT_OK(database_->ForEachItemVector(
        version, [&](std::string_view id, std::string_view bytes) {
          result.push_back(std::string(id) + "=" + std::string(bytes));
          return absl::OkStatus();
        }));
    return result;
  };
  EXPECT_THAT(vectors("m1"), ElementsAre("a=1a", "b=1b"));
  const std::string_view ids[] = {"b", "x", "a", "b", ""};
  std::vector<std::string> found(5);
  ASSERT_OK(database_->MultiGetItemVectors(
      "m1", ids, [&](size_t i, std::string_view bytes) { found[i] = bytes; }));
  EXPECT_THAT(found, ElementsAre("1b", "", "1a", "1b", ""));

  ASSERT_OK(group.DeleteModelVectors("m1"));
  ASSERT_OK(group.PutItemVector("m1", "c", "1c"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(vectors("m1"), ElementsAre("c=1c"));
  EXPECT_THAT(vectors("m10"), ElementsAre("a=10a"));
  ASSERT_OK(group.PutItemVector("m3", "a", "3a"));
  ASSERT_OK(group.DeleteItem("a"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(vectors("m10"), ElementsAre());
  EXPECT_THAT(vectors("m2"), ElementsAre());
  EXPECT_THAT(vectors("m3"), ElementsAre());
  EXPECT_THAT(vectors("m1"), ElementsAre("c=1c"));
}

// A vector that is there belongs to the record that is there.
TEST_F(DatabaseTest, VectorsGoWithTheirRecord) {
  const auto vectors = [&] {
    std::string found;
    const std::string_view ids[] = {"a"};
    for (const char* version : {"m1", "m2", "m3"}) {
      EXPECT_OK(database_->MultiGetItemVectors(
          version, ids, [&](size_t, std::string_view bytes) {
            found += std::string(found.empty() ? "" : " ") + std::string(bytes);
          }));
    }
    return found;
  };
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("a", "1")));
  ASSERT_OK(group.PutItemVector("m1", "a", "m1-1"));
  ASSERT_OK(group.PutItemVector("m2", "a", "m2-1"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "m1-1 m2-1");
  // The same record: they hold.
  ASSERT_OK(group.PutItem(MakeItem("a", "1")));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "m1-1 m2-1");
  // Another one: only those of its own group hold, and only if put behind it.
  ASSERT_OK(group.PutItemVector("m3", "a", "too early"));
  ASSERT_OK(group.PutItem(MakeItem("a", "2")));
  ASSERT_OK(group.PutItemVector("m2", "a", "m2-2"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "m2-2");
  // Made of a record that was read before it was replaced.
  ASSERT_OK(
      group.PutItemVectorOf(RecordHash(MakeItem("a", "1")), "m1", "a", "m1-1"));
  ASSERT_OK(
      group.PutItemVectorOf(RecordHash(MakeItem("a", "2")), "m3", "a", "m3-2"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "m2-2 m3-2");
  // Replaced within the group.
  ASSERT_OK(group.PutItem(MakeItem("a", "3")));
  ASSERT_OK(
      group.PutItemVectorOf(RecordHash(MakeItem("a", "2")), "m1", "a", "m1-2"));
  ASSERT_OK(
      group.PutItemVectorOf(RecordHash(MakeItem("a", "3")), "m2", "a", "m2-3"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "m2-3");
  ASSERT_OK(group.DeleteItem("a"));
  ASSERT_OK(
      group.PutItemVectorOf(RecordHash(MakeItem("a", "3")), "m1", "a", "m1-3"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "");
  // Twice in one group, for the first time.
  ASSERT_OK(group.PutItem(MakeItem("a", "4")));
  ASSERT_OK(group.PutItemVector("m1", "a", "m1-4"));
  ASSERT_OK(group.PutItem(MakeItem("a", "5")));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_EQ(vectors(), "");
}

class Listener : public ChangeObserver {
 public:
  void ItemChanged(std::string_view item_id) override { Note("item", item_id); }
  void CountersChanged(std::string_view item_id) override {
    Note("counters", item_id);
  }
  void UserChanged(std::string_view user_id) override { Note("user", user_id); }
  void HistoryChanged(std::string_view user_id) override {
    Note("history", user_id);
  }
  void EverythingChanged() override { Note("everything", ""); }
  std::vector<std::string> Take() {
    std::sort(heard_.begin(), heard_.end());
    return std::exchange(heard_, {});
  }

 private:
  void Note(std::string_view what, std::string_view item_id) {
    heard_.push_back(std::string(what) + " " + std::string(item_id));
  }
  std::vector<std::string> heard_;
};

TEST_F(DatabaseTest, ObserversHearOfChangedItems) {
  Listener listener;
  database_->AddObserver(&listener);
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("a", "1")));
  ASSERT_OK(Append(group, MakeEvent("ann", "b", 1)));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(listener.Take(),
              ElementsAre("counters b", "history ann", "item a"));
  ASSERT_OK(group.PutItem(MakeItem("a", "1")));
  ASSERT_OK(group.PutItemVector("m", "a", "vector"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(listener.Take(), ElementsAre());
  ASSERT_OK(group.DeleteItem("a"));
  ASSERT_OK(group.DeleteUserEvents("ann"));
  ASSERT_OK(group.PutUser(MakeUser("bob")));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(listener.Take(),
              ElementsAre("history ann", "item a", "user ann", "user bob"));
  database_->RemoveObserver(&listener);
  ASSERT_OK(group.PutItem(MakeItem("a", "2")));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(listener.Take(), ElementsAre());
}

TEST_F(DatabaseTest, JournalCommitsWithItsRows) {
  WriteGroup group;
  v1::JournalEntry entry;
  entry.set_path("events.jsonl");
  entry.set_rows_done(7);
  ASSERT_OK(group.PutJournal("events", "00ff", entry));
  ASSERT_OK(Append(group, MakeEvent("ann", "a", 1)));
  ASSERT_OK(database_->Write(std::move(group)));
  Reopen();
  const auto read = database_->ReadJournal("events", "00ff");
  ASSERT_TRUE(read.ok() && read->has_value());
  EXPECT_EQ((*read)->rows_done(), 7);
  EXPECT_FALSE(database_->ReadJournal("items", "00ff")->has_value());
  EXPECT_EQ(database_->ReadJournal("a/b", "00ff").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DatabaseTest, IterationSeesTheStateAtItsBeginAndStops) {
  WriteGroup group;
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_OK(group.PutItem(MakeItem(id, "")));
  }
  ASSERT_OK(database_->Write(std::move(group)));
  std::vector<std::string> seen;
  ASSERT_OK(database_->ForEachItem([&](const v1::Item& item) {
    seen.push_back(item.item_id());
    WriteGroup more;
    EXPECT_OK(more.PutItem(MakeItem(item.item_id() + "+", "")));
    return database_->Write(std::move(more));
  }));
  EXPECT_THAT(seen, ElementsAre("a", "b", "c"));
  EXPECT_EQ(Stats().items, 6);
  seen.clear();
  const absl::Status status = database_->ForEachItem([&](const v1::Item& item) {
    seen.push_back(item.item_id());
    return seen.size() < 2 ? absl::OkStatus() : absl::CancelledError("enough");
  });
  EXPECT_EQ(status, absl::CancelledError("enough"));
  EXPECT_THAT(seen, ElementsAre("a", "a+"));
}

TEST_F(DatabaseTest, HostileIdsAreRefusedOrKeptApart) {
  const std::string zero("a\0b", 3);
  const std::string long_id(kMaxIdBytes, 'x');
  const std::string too_long(64 << 10, 'x');
  WriteGroup group;
  for (const std::string& bad :
       {std::string(), too_long, long_id + "x", std::string("\xff"),
        std::string("\xc0\x80"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(group.PutItem(MakeItem(bad, "")).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(group.PutUser(MakeUser(bad)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Append(group, MakeEvent(bad, "a", 1)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Append(group, MakeEvent("ann", bad, 1)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(group.DeleteUser(bad).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(group.PutItemVector(bad, "a", "").code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(database_->GetHistory(bad).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(database_->GetItem(bad).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_THAT(std::string(group.PutItem(MakeItem(too_long, "")).message()),
              HasSubstr("65536 bytes, at most 1024"));
  v1::Item item = MakeItem("a", "\xff");
  EXPECT_EQ(group.PutItem(item).code(), absl::StatusCode::kInvalidArgument);
  v1::Event timeless = MakeEvent("ann", "a", 1);
  timeless.clear_time_ms();
  EXPECT_EQ(Append(group, timeless).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(group.empty());

  const std::vector<std::string> users = {
      "a",     zero, std::string("a\0", 2), std::string("\0", 1),
      long_id, "ab", "\xf4\x8f\xbf\xbf"};
  for (const std::string& user : users) {
    ASSERT_OK(Append(group, MakeEvent(user, "i", 1)));
    ASSERT_OK(Append(group, MakeEvent(user, "j", -5)));
    ASSERT_OK(group.PutState(user, user, "s"));
  }
  ASSERT_OK(database_->Write(std::move(group)));
  for (const std::string& user : users) {
    EXPECT_THAT(EventsOf(user), ElementsAre("j", "i"));
    EXPECT_EQ(Events(History(user)), "j@-5 i@1");
    EXPECT_TRUE(database_->GetState(user, user)->has_value());
  }
  ASSERT_OK(group.DeleteUser("a"));
  ASSERT_OK(database_->Write(std::move(group)));
  EXPECT_THAT(EventsOf("a"), ElementsAre());
  EXPECT_THAT(EventsOf(zero), ElementsAre("j", "i"));
  EXPECT_TRUE(database_->GetState(zero, zero)->has_value());
}

}  // namespace
}  // namespace attune::storage
