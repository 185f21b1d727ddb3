#include "engine/train/load_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/write_group.h"
#include "tests/temporary_directory.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

class LoadDatasetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::OpenOptions options;
    options.path = directory_ + "/db";
    options.create_if_missing = true;
    auto database = storage::Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = std::move(*database);
  }

  void Put(const std::string& item_id) {
    v1::Item item;
    item.set_item_id(item_id);
    ASSERT_TRUE(group_.PutItem(item).ok());
  }
  void Event(const std::string& user, const std::string& item,
             const std::string& action, int64_t time_ms,
             const std::vector<std::string>& followed = {}) {
    v1::Event event;
    event.set_user_id(user);
    event.set_item_id(item);
    event.set_action(action);
    event.set_time_ms(time_ms);
    for (const std::string& name : followed) event.add_followed(name);
    ASSERT_TRUE(group_.AppendEvent(event, nullptr, {}).ok());
  }
  void Commit() {
    ASSERT_TRUE(database_->Write(std::move(group_)).ok());
    group_ = storage::WriteGroup();
  }
  Dataset Load(const LoadDatasetOptions& options = {}) {
    auto dataset = LoadDataset(*database_, schema_, options, context_);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return std::move(*dataset);
  }

  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
  std::unique_ptr<storage::Database> database_;
  storage::WriteGroup group_;
  features::Schema schema_;
  ExecutionContext context_;
};

TEST_F(LoadDatasetTest, FollowsTheSchemasPolicy) {
  Put("a"), Put("b"), Put("new");
  Event("u", "b", "purchase", 3000);
  Event("u", "a", "view", 1000);
  Event("u", "b", "return", 4000);
  Event("v", "a", "impression", 2000, {"click", "like"});
  Event("v", "unlisted", "impression", 2001);
  Commit();
  const Dataset dataset = Load();
  ASSERT_EQ(dataset.users().size(), 2);
  EXPECT_EQ(dataset.items().size(), 4);
  EXPECT_TRUE(dataset.items().Find("new").has_value());
  EXPECT_THAT(dataset.tasks(), ElementsAre("click", "like"));

  const auto u = dataset.interactions(0);
  ASSERT_EQ(u.size(), 2u);  // a return makes no history
  EXPECT_EQ(dataset.items().name(u[0].item), "a");
  EXPECT_EQ(dataset.actions()[u[1].action], "purchase");
  EXPECT_EQ(u[1].time_ms, 3000);
  EXPECT_TRUE(u[1].has_time && u[1].positive);

  // A clicked impression is one of both: history as its strongest result.
  const auto v = dataset.interactions(1);
  ASSERT_EQ(v.size(), 1u);
  EXPECT_EQ(dataset.actions()[v[0].action], "like");
  const auto shown = dataset.impressions(1);
  ASSERT_EQ(shown.size(), 2u);
  EXPECT_EQ(shown[0].followed, 0b11u);
  EXPECT_EQ(shown[1].followed, 0u);
  EXPECT_EQ(dataset.items().name(shown[1].item), "unlisted");
}

TEST_F(LoadDatasetTest, ContextEventsAndChosenTasks) {
  schema_.actions().SetRule(
      {.name = "view", .in_history = true, .positive = false});
  Put("cold");
  Event("u", "a", "view", 1000);
  Event("u", "a", "impression", 2000, {"like", "click"});
  Commit();
  const Dataset dataset =
      Load({.tasks = {"click"}, .include_catalogue = false});
  EXPECT_THAT(dataset.tasks(), ElementsAre("click"));
  EXPECT_EQ(dataset.items().size(), 1);
  EXPECT_FALSE(dataset.interactions(0)[0].positive);
  EXPECT_TRUE(dataset.interactions(0)[1].positive);
  EXPECT_EQ(dataset.impressions(0)[0].followed, 1u);
}

TEST_F(LoadDatasetTest, OrderWithoutTimesStaysAnOrder) {
  v1::Event event;
  event.set_user_id("u");
  for (int64_t order : {7, 3}) {
    event.set_item_id("i" + std::to_string(order));
    event.set_order(order);
    ASSERT_TRUE(group_.AppendEvent(event, nullptr, {}).ok());
  }
  Commit();
  const Dataset dataset = Load();
  EXPECT_EQ(dataset.untimed_count(), 2);
  EXPECT_EQ(dataset.interactions(0)[0].sort_key, 3);
  EXPECT_FALSE(dataset.interactions(0)[0].has_time);
  EXPECT_THAT(dataset.actions(), ElementsAre("view"));  // the default action
}

TEST_F(LoadDatasetTest, StopsWhenCancelled) {
  for (int i = 0; i < 5000; ++i) Event("u", "a", "view", i);
  Commit();
  const std::atomic<bool> cancelled = true;
  context_.cancelled = &cancelled;
  EXPECT_EQ(LoadDataset(*database_, schema_, {}, context_).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace attune
