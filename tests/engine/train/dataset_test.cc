#include "engine/train/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "shared_data.h"

namespace attune {
namespace {

TEST(DatasetTest, SortsUsersByKeyAndKeepsInsertionOrderOfTies) {
  DatasetBuilder builder;
  const int32_t zoe = builder.AddUser("zoe"), adam = builder.AddUser("adam");
  const int32_t pear = builder.AddItem("pear"), fig = builder.AddItem("fig");
  builder.AddItem("unused");
  const int16_t view = builder.AddAction("view").value();
  const int16_t buy = builder.AddAction("buy").value();
  builder.AddInteraction(zoe, {.item = pear, .action = view, .sort_key = 7});
  builder.AddInteraction(adam, {.item = fig, .action = view, .sort_key = 1});
  builder.AddInteraction(zoe, {.item = fig,
                               .action = buy,
                               .has_time = true,
                               .time_ms = 3,
                               .sort_key = 3});
  builder.AddInteraction(zoe, {.item = fig, .action = view, .sort_key = 7});
  EXPECT_EQ(builder.AddTask("click").value(), 0);
  builder.AddImpression(
      adam, {.item = fig, .followed = 1, .time_ms = 99, .sort_key = 5});
  const Dataset dataset = std::move(builder).Build();

  ASSERT_EQ(dataset.users().size(), 2);
  ASSERT_EQ(dataset.items().size(), 3);
  EXPECT_EQ(dataset.users().name(0), "adam");
  EXPECT_EQ(dataset.items().name(2), "unused");
  EXPECT_THAT(dataset.actions(), testing::ElementsAre("buy", "view"));
  EXPECT_THAT(dataset.tasks(), testing::ElementsAre("click"));
  const auto events = dataset.interactions(1);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].sort_key, 3);
  EXPECT_EQ(dataset.actions()[events[0].action], "buy");
  EXPECT_EQ(dataset.items().name(events[1].item), "pear");
  EXPECT_EQ(dataset.items().name(events[2].item), "fig");
  EXPECT_EQ(dataset.interaction_count(), 4);
  EXPECT_EQ(dataset.untimed_count(), 3);
  ASSERT_EQ(dataset.impressions(0).size(), 1u);
  EXPECT_EQ(dataset.impressions(0)[0].time_ms, 0);  // no has_time
  EXPECT_TRUE(dataset.impressions(1).empty());
}

TEST(DatasetTest, FingerprintFollowsContentNotOrder) {
  const auto build = [](bool reversed, int64_t last_key, bool shown) {
    DatasetBuilder builder;
    std::vector<std::string> users = {"a", "b"};
    if (reversed) std::swap(users[0], users[1]);
    for (const std::string& user : users) {
      Interaction row;
      row.item = builder.AddItem("x" + user);
      row.action = builder.AddAction("view").value();
      row.sort_key = user == "b" ? last_key : 1;
      builder.AddInteraction(builder.AddUser(user), row);
      if (shown) {
        builder.AddImpression(builder.AddUser(user), {.item = row.item});
      }
    }
    return std::move(builder).Build().Fingerprint();
  };
  EXPECT_EQ(build(false, 2, false), build(true, 2, false));
  EXPECT_EQ(build(false, 2, false).size(), 32u);
  EXPECT_NE(build(false, 2, false), build(false, 3, false));
  EXPECT_NE(build(false, 2, false), build(false, 2, true));
}

TEST(DatasetTest, TaskBitsFollowTheirNames) {
  DatasetBuilder builder;
  const int like = builder.AddTask("like").value();
  const int click = builder.AddTask("click").value();
  const int share = builder.AddTask("share").value();
  builder.AddImpression(
      builder.AddUser("u"),
      {.item = builder.AddItem("i"), .followed = 1u << like | 1u << share});
  const Dataset dataset = std::move(builder).Build();
  EXPECT_NE(like, click);
  EXPECT_THAT(dataset.tasks(), testing::ElementsAre("click", "like", "share"));
  EXPECT_EQ(dataset.impressions(0)[0].followed, 0b110u);
}

TEST(DatasetTest, RefusesTooManyTasksAndActions) {
  DatasetBuilder builder;
  for (int i = 0; i < 32; ++i) {
    EXPECT_TRUE(builder.AddTask(std::to_string(i)).ok());
  }
  EXPECT_TRUE(builder.AddTask("31").ok());  // known
  EXPECT_FALSE(builder.AddTask("32").ok());
  for (int i = 0; i < 32768; ++i) {
    EXPECT_TRUE(builder.AddAction(std::to_string(i)).ok());
  }
  EXPECT_FALSE(builder.AddAction("one more").ok());
}

TEST(DatasetTest, EmptyBuilds) {
  const Dataset dataset = MakeDataset({});
  EXPECT_EQ(dataset.users().size(), 0);
  EXPECT_EQ(dataset.interaction_count(), 0);
}

}  // namespace
}  // namespace attune
