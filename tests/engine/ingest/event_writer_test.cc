#include "engine/ingest/event_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "database_test_base.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class EventWriterTest : public DatabaseTest {
 protected:
  static v1::Event MakeEvent(std::string action,
                             std::vector<std::string> followed = {}) {
    v1::Event event;
    event.set_user_id("u");
    event.set_item_id("i");
    event.set_action(action);
    event.set_time_ms(1'600'000'000'000);
    for (std::string& name : followed) event.add_followed(name);
    return event;
  }

  static std::map<std::string, double> Totals(storage::Database& database,
                                              std::string_view item_id) {
    std::map<std::string, double> totals;
    const auto counters = database.GetCounters(std::span(&item_id, 1));
    EXPECT_TRUE(counters.ok());
    for (const v1::Counter& counter : (*counters)[0].counters()) {
      totals[counter.action()] = counter.total();
    }
    return totals;
  }
};

TEST_F(EventWriterTest, AnImpressionCountsAndEntersAsItsStrongestResult) {
  auto database = OpenDatabase("db");
  storage::WriteGroup group;
  const features::Schema schema;
  const std::vector<v1::Event> events = {
      MakeEvent("impression"), MakeEvent("impression", {"click", "buy"}),
      MakeEvent("view"), MakeEvent("return")};
  ASSERT_TRUE(ApplyEvents(schema, events, 5, &group).ok());
  ASSERT_TRUE(database->Write(std::move(group)).ok());

  EXPECT_EQ(Totals(*database, "i"),
            (std::map<std::string, double>{{"buy", 1},
                                           {"click", 1},
                                           {"impression", 2},
                                           {"return", 1},
                                           {"view", 1}}));
  const auto history = database->GetHistory("u");
  ASSERT_TRUE(history.ok());
  ASSERT_EQ(history->events_size(), 2);
  EXPECT_EQ(history->events(0).action(), "buy");
  EXPECT_EQ(history->events(1).action(), "view");
}

TEST_F(EventWriterTest, MissingActionAndTimeGetDefaults) {
  auto database = OpenDatabase("db");
  storage::WriteGroup group;
  v1::Event event;
  event.set_user_id("u");
  event.set_item_id("i");
  ASSERT_TRUE(
      ApplyEvents(features::Schema(), std::span(&event, 1), 77, &group).ok());
  ASSERT_TRUE(database->Write(std::move(group)).ok());
  const auto history = database->GetHistory("u");
  ASSERT_EQ(history->events_size(), 1);
  EXPECT_EQ(history->events(0).action(), "view");
  EXPECT_EQ(history->events(0).sort_key(), 77);
  EXPECT_TRUE(history->events(0).has_time());
}

TEST_F(EventWriterTest, ErrorsNameTheRecord) {
  storage::WriteGroup group;
  std::vector<v1::Event> events = {MakeEvent("view"), MakeEvent("view")};
  events[1].clear_item_id();
  const absl::Status status =
      ApplyEvents(features::Schema(), events, 0, &group);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("events[1]: field \"item_id\": is empty"));
  const std::vector<v1::Item> items(1);
  EXPECT_THAT(std::string(ApplyItems(items, &group).message()),
              HasSubstr("items[0]: field \"item_id\""));
  const std::vector<v1::User> users(1);
  EXPECT_THAT(std::string(ApplyUsers(users, &group).message()),
              HasSubstr("users[0]: field \"user_id\""));
}

}  // namespace
}  // namespace attune
