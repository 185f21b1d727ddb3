#include "engine/train/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "shared_data.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kDay = 86'400'000;

std::vector<std::string> Items(const Dataset& dataset,
                               std::span<const Interaction> events) {
  std::vector<std::string> items;
  for (const Interaction& event : events) {
    items.emplace_back(dataset.items().name(event.item));
  }
  return items;
}

TEST(ProtocolTest, NamesRoundTrip) {
  EXPECT_EQ(*ParseProtocol("time-split"), Protocol::kTimeSplit);
  EXPECT_EQ(*ParseProtocol("leave-one-out"), Protocol::kLeaveOneOut);
  EXPECT_EQ(*ParseProtocol("last-basket"), Protocol::kLastBasket);
  EXPECT_EQ(*ParseProtocol("cold-items"), Protocol::kColdItems);
  EXPECT_THAT(std::string(ParseProtocol("loo").status().message()),
              HasSubstr("\"loo\""));
}

TEST(LeaveOneOutTest, CutsDistinctSequences) {
  const Dataset dataset = MakeDataset(
      {{{1, 2, 1, 3, 4, 3, 5}, {}}, {{7, 8, 7, 8, 9}, {}}});  // 3 distinct
  const auto split = Split::Create(dataset, {});
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->user_count(), 2);
  EXPECT_EQ(split->kept_user_count(), 1);
  EXPECT_EQ(split->kept_event_count(), 5);
  EXPECT_THAT(Items(dataset, split->training(0)),
              ElementsAre("i01", "i02", "i03"));
  EXPECT_THAT(split->training(1), IsEmpty());
  ASSERT_EQ(split->validation().size(), 1u);
  ASSERT_EQ(split->test().size(), 1u);
  const EvalCase& validation = split->validation()[0];
  EXPECT_EQ(dataset.items().name(validation.target), "i04");
  EXPECT_THAT(Items(dataset, split->prefix(validation)),
              ElementsAre("i01", "i02", "i03"));
  const EvalCase& test = split->test()[0];
  EXPECT_EQ(dataset.items().name(test.target), "i05");
  EXPECT_FALSE(test.has_time);
  std::vector<int32_t> seen;
  split->SeenItems(test, &seen);
  EXPECT_EQ(seen.size(), 4u);
  EXPECT_EQ(split->candidates().size(), 5u);  // not those of the short user
  EXPECT_EQ(split->training_limit(0), 4);     // the order of i04
  EXPECT_EQ(split->training_limit(1), std::numeric_limits<int64_t>::min());
  const ItemLists lists = split->TrainingItems();
  EXPECT_EQ(lists.rows(), 2);
  EXPECT_EQ(lists.row(0).size(), 3u);
}

TEST(LeaveOneOutTest, OptionsKeepShortUsersRepeatsAndTheWholeCatalogue) {
  const Dataset dataset =
      MakeDataset({{{1, 2, 1, 3, 4, 3, 5}, {}}, {{7, 8, 7}, {}}});
  const auto split = Split::Create(dataset, {.distinct_items = false,
                                             .train_on_short_users = true,
                                             .whole_catalogue = true});
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->kept_user_count(), 2);
  EXPECT_THAT(Items(dataset, split->training(1)),
              ElementsAre("i07", "i08", "i07"));
  EXPECT_EQ(dataset.items().name(split->validation()[0].target), "i03");
  EXPECT_EQ(split->candidates().size(), 7u);
  std::vector<int32_t> seen;
  split->SeenItems(split->test()[0], &seen);
  EXPECT_EQ(seen.size(), 4u);  // 1 2 3 4, each once
  EXPECT_EQ(split->TrainingItems().row(1).size(), 2u);
}

TEST(LeaveOneOutTest, TargetsArePositivesAndViewsDoNotHidePurchases) {
  DatasetBuilder builder;
  const int32_t user = builder.AddUser("u");
  const int16_t view = builder.AddAction("view").value();
  const int16_t buy = builder.AddAction("buy").value();
  int64_t key = 0;
  const auto add = [&](const char* item, bool positive) {
    builder.AddInteraction(user, {.item = builder.AddItem(item),
                                  .action = positive ? buy : view,
                                  .positive = positive,
                                  .sort_key = key++});
  };
  add("a", false), add("a", true), add("a", false);  // the last view goes
  add("b", true), add("c", false), add("c", true), add("a", true);
  add("d", false);  // after the last target
  const Dataset dataset = std::move(builder).Build();
  const auto split = Split::Create(dataset, {.min_positives = 3});
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_THAT(Items(dataset, split->sequence(0)),
              ElementsAre("a", "a", "b", "c", "c", "d"));
  EXPECT_EQ(dataset.items().name(split->test()[0].target), "c");
  EXPECT_THAT(Items(dataset, split->prefix(split->test()[0])),
              ElementsAre("a", "a", "b", "c"));
  std::vector<int32_t> seen;
  split->SeenItems(split->test()[0], &seen);
  EXPECT_THAT(seen, ElementsAre(0, 1));  // viewing c does not make it seen
  EXPECT_THAT(Items(dataset, split->training(0)), ElementsAre("a", "a"));

  const auto positives =
      Split::Create(dataset, {.positives_only = true, .min_positives = 3});
  EXPECT_THAT(Items(dataset, positives->sequence(0)),
              ElementsAre("a", "b", "c"));
}

TEST(LeaveOneOutTest, NobodyLeftIsAnError) {
  const auto split = Split::Create(MakeDataset({{{1, 2, 3, 4}, {}}}), {});
  EXPECT_EQ(split.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      Split::Create(MakeDataset({}), {.min_positives = 2}).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(ColdItemsTest, HeldOutItemsAreTargetsAndNothingElse) {
  std::vector<TestHistory> histories(100);
  for (size_t user = 0; user < histories.size(); ++user) {
    for (size_t i = 0; i < 8; ++i) {
      histories[user].items.push_back(
          static_cast<int>((user * 3 + i * 7) % 97));
    }
  }
  const Dataset dataset = MakeDataset(histories);
  const auto split = Split::Create(dataset, {.protocol = Protocol::kColdItems});
  ASSERT_TRUE(split.ok()) << split.status();
  int cold = 0;
  for (int32_t item = 0; item < split->item_count(); ++item) {
    cold += split->held_out(item);
  }
  EXPECT_GT(cold, 2);
  EXPECT_LT(cold, 25);
  for (const Interaction& event : split->events()) {
    EXPECT_FALSE(split->held_out(event.item));
  }
  EXPECT_EQ(split->candidates().size(), 97u);  // those held out compete

  size_t validation = 0, test = 0;
  for (int32_t user = 0; user < split->user_count(); ++user) {
    SCOPED_TRACE(user);
    const auto all = dataset.interactions(user);
    std::vector<std::string> known;
    for (const Interaction& event : all) {
      if (&event == &all[6]) {
        EXPECT_EQ(Items(dataset, split->training(user)), known);
        if (split->held_out(event.item)) {
          const EvalCase& c = split->validation()[validation++];
          EXPECT_EQ(c.user, user);
          EXPECT_EQ(c.target, event.item);
          EXPECT_EQ(Items(dataset, split->prefix(c)), known);
        }
      }
      if (&event == &all[7] && split->held_out(event.item)) {
        const EvalCase& c = split->test()[test++];
        EXPECT_EQ(c.user, user);
        EXPECT_EQ(c.target, event.item);
        EXPECT_EQ(Items(dataset, split->prefix(c)), known);
      }
      if (!split->held_out(event.item)) {
        known.emplace_back(dataset.items().name(event.item));
      }
    }
    EXPECT_EQ(split->training_limit(user), all[6].sort_key);
  }
  EXPECT_EQ(validation, split->validation().size());
  EXPECT_EQ(test, split->test().size());
  EXPECT_GT(test, 2u);
}

TEST(LastBasketTest, TargetIsTheFirstNewItemOfTheLastBasketWithOne) {
  const Dataset dataset = MakeDataset(
      {{{1, 2, 2, 3, 4, 1, 5, 6, 3}, {10, 10, 20, 20, 30, 30, 30, 30, 40}},
       {{1, 2, 3, 4, 5}, {5, 5, 5, 6, 6}},
       {{1, 2, 3}, {5, 6, 7}}});
  const auto split =
      Split::Create(dataset, {.protocol = Protocol::kLastBasket});
  ASSERT_TRUE(split.ok()) << split.status();
  // The others have two baskets, or fewer than five items.
  EXPECT_EQ(split->kept_user_count(), 1);
  ASSERT_EQ(split->test().size(), 1u);
  EXPECT_EQ(dataset.items().name(split->test()[0].target), "i04");
  EXPECT_EQ(split->test()[0].time_ms, 30);
  EXPECT_THAT(Items(dataset, split->prefix(split->test()[0])),
              ElementsAre("i01", "i02", "i03"));
  EXPECT_EQ(dataset.items().name(split->validation()[0].target), "i03");
  EXPECT_THAT(Items(dataset, split->training(0)), ElementsAre("i01", "i02"));
  EXPECT_EQ(split->training_limit(0), 20);
}

TEST(TimeSplitTest, CutsAtTwoClockTimes) {
  // 10 days; test is the last, validation the one before.
  const Dataset dataset = MakeDataset(
      {{{1, 2, 3, 4, 5}, {0, kDay, 8 * kDay + kDay / 2, 9 * kDay, 10 * kDay}},
       {{1, 2, 6}, {0, 2 * kDay, 3 * kDay}},      // training only
       {{7, 8}, {9 * kDay + 1, 9 * kDay + 2}}});  // new in the test window
  SplitOptions options{.protocol = Protocol::kTimeSplit};
  auto split = Split::Create(dataset, options);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->validation_start_ms(), 8 * kDay);
  EXPECT_EQ(split->test_start_ms(), 9 * kDay);
  EXPECT_EQ(split->training(0).size(), 2u);
  EXPECT_EQ(split->training(1).size(), 3u);
  EXPECT_THAT(split->training(2), IsEmpty());
  EXPECT_EQ(split->training_limit(1), 8 * kDay);
  ASSERT_EQ(split->validation().size(), 1u);
  EXPECT_EQ(dataset.items().name(split->validation()[0].target), "i03");
  // User 0's first; user 2's second, for its first has nothing before it.
  ASSERT_EQ(split->test().size(), 2u);
  EXPECT_EQ(dataset.items().name(split->test()[0].target), "i04");
  EXPECT_EQ(split->prefix(split->test()[0]).size(), 3u);
  EXPECT_EQ(dataset.items().name(split->test()[1].target), "i08");

  options.targets = SplitOptions::Targets::kEvery;
  options.min_prefix_positives = 0;
  split = Split::Create(dataset, options);
  EXPECT_EQ(split->test().size(), 4u);

  options.test_days = 1;
  split = Split::Create(dataset, options);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->test_start_ms(), 9 * kDay + 1);
  EXPECT_EQ(split->validation_start_ms(), 8 * kDay + 1);
}

TEST(TimeSplitTest, RefusesUnknownTimesAndShortLogs) {
  const Dataset ordered = MakeDataset({{{1, 2, 3, 4, 5}, {}}});
  const auto unknown =
      Split::Create(ordered, {.protocol = Protocol::kTimeSplit});
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(unknown.status().message()),
              HasSubstr("5 of 5 interactions have only an order"));
  const Dataset brief = MakeDataset({{{1, 2}, {0, kDay}}});
  EXPECT_EQ(
      Split::Create(brief, {.protocol = Protocol::kTimeSplit, .test_days = 7})
          .status()
          .code(),
      absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Split::Create(brief, {.protocol = Protocol::kTimeSplit,
                                  .validation_share = 0.5,
                                  .test_share = 0.5})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TimeSplitTest, FindsTheImpressionsOfEachWindow) {
  DatasetBuilder builder;
  EXPECT_EQ(builder.AddTask("click").value(), 0);
  const int32_t user = builder.AddUser("u");
  const int16_t click = builder.AddAction("click").value();
  for (int day = 0; day <= 10; ++day) {
    const int32_t item = builder.AddItem(std::string(1, 'a' + day));
    builder.AddInteraction(user, {.item = item,
                                  .action = click,
                                  .has_time = true,
                                  .positive = true,
                                  .time_ms = day * kDay,
                                  .sort_key = day * kDay});
    builder.AddImpression(user, {.item = item,
                                 .followed = 1,
                                 .has_time = true,
                                 .time_ms = day * kDay,
                                 .sort_key = day * kDay});
  }
  const Dataset dataset = std::move(builder).Build();
  const auto split = Split::Create(dataset, {.protocol = Protocol::kTimeSplit});
  ASSERT_TRUE(split.ok()) << split.status();
  ASSERT_EQ(split->validation_impressions().size(), 1u);
  EXPECT_EQ(split->validation_impressions()[0].begin, 8);
  EXPECT_EQ(split->validation_impressions()[0].end, 9);
  ASSERT_EQ(split->test_impressions().size(), 1u);
  EXPECT_EQ(split->test_impressions()[0].begin, 9);
  EXPECT_EQ(split->test_impressions()[0].end, 11);
}

}  // namespace
}  // namespace attune
