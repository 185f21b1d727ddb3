#include "engine/train/baselines.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/train/metrics.h"
#include "shared_data.h"

namespace attune {
namespace {

// One row of the table in the data folder's README.
struct Published {
  std::string name;
  double hit10_all, ndcg10_all, hit50_all;
  double hit10_unseen, ndcg10_unseen, hit50_unseen;
  std::string setting;  // empty: not stated there
};

constexpr double kTolerance = 0.0005;

void ExpectPublished(const BaselineResult& result, const Published& want) {
  SCOPED_TRACE(want.name);
  EXPECT_EQ(result.name, want.name);
  const std::vector<int> ks = {10, 50};
  std::vector<double> ranks_all, ranks_unseen;
  for (const TargetRanks& rank : result.ranks) {
    ranks_all.push_back(rank.all);
    ranks_unseen.push_back(rank.unseen);
  }
  const RankingMetrics all = SummarizeRanks(ranks_all, ks);
  const RankingMetrics unseen = SummarizeRanks(ranks_unseen, ks);
  EXPECT_NEAR(all.at_k[0].hit_rate.value, want.hit10_all, kTolerance);
  EXPECT_NEAR(all.at_k[0].ndcg.value, want.ndcg10_all, kTolerance);
  EXPECT_NEAR(all.at_k[1].hit_rate.value, want.hit50_all, kTolerance);
  EXPECT_NEAR(unseen.at_k[0].hit_rate.value, want.hit10_unseen, kTolerance);
  EXPECT_NEAR(unseen.at_k[0].ndcg.value, want.ndcg10_unseen, kTolerance);
  EXPECT_NEAR(unseen.at_k[1].hit_rate.value, want.hit50_unseen, kTolerance);
  if (!want.setting.empty()) {
    EXPECT_EQ(KnnSettingText(result.setting), want.setting);
  }
}

void ExpectPublishedTable(const Dataset& dataset, const SplitOptions& options,
                          const std::vector<Published>& table) {
  const auto split = Split::Create(dataset, options);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(2);
  const ExecutionContext context;
  const auto results = EvaluateBaselines(*split, {}, context, pool);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), table.size());
  for (size_t i = 0; i < table.size(); ++i) {
    ExpectPublished((*results)[i], table[i]);
  }
}

TEST(BaselinesTest, SampleBooksAsPublished) {
  const auto dataset = ReadSharedEvents(
      {.file = "sample-books/events.tsv", .time_column = "order"});
  if (!dataset) GTEST_SKIP() << "../shared/data/sample-books is not here";
  ExpectPublishedTable(
      *dataset, {},
      {{"popularity", .0345, .0166, .1465, .0430, .0253, .1605, ""},
       {"item-kNN", .0745, .0379, .2980, .1585, .0874, .3740, "k=50, shrink=0"},
       {"item-kNN, recent", .2045, .1350, .3915, .2315, .1595, .4215,
        "k=all, shrink=0, half-life=1"}});
}

TEST(BaselinesTest, SampleRetailAsPublished) {
  const auto dataset = ReadSharedEvents({.file = "sample-retail/events.tsv",
                                         .time_column = "timestamp",
                                         .has_time = true,
                                         .action_column = "action",
                                         .action = "purchase"});
  if (!dataset) GTEST_SKIP() << "../shared/data/sample-retail is not here";
  ExpectPublishedTable(
      *dataset, {},
      {{"popularity", .0284, .0149, .1101, .0400, .0191, .1226, ""},
       {"item-kNN", .0751, .0375, .2719, .1451, .0864, .3661, "k=50, shrink=0"},
       {"item-kNN, recent", .2661, .1800, .3920, .2869, .2032, .4028,
        "k=50, shrink=20, half-life=1"}});
}

TEST(BaselinesTest, SampleRetailBasketsAsPublished) {
  const auto dataset = ReadSharedEvents({.file = "sample-retail/events.tsv",
                                         .time_column = "timestamp",
                                         .has_time = true,
                                         .action_column = "action",
                                         .action = "purchase"});
  if (!dataset) GTEST_SKIP() << "../shared/data/sample-retail is not here";
  ExpectPublishedTable(
      *dataset, {.protocol = Protocol::kLastBasket},
      {{"popularity", .0217, .0097, .0702, .0217, .0105, .0819, ""},
       {"item-kNN", .0201, .0087, .1120, .0786, .0400, .1890, ""},
       {"item-kNN, recent", .0201, .0087, .1154, .0786, .0396, .1789, ""}});
}

TEST(BaselinesTest, SampleVideoClicksAsPublished) {
  const auto dataset = ReadSharedEvents({.file = "sample-video/events.tsv",
                                         .time_column = "time_ms",
                                         .action_column = "is_click",
                                         .action = "1"});
  if (!dataset) GTEST_SKIP() << "../shared/data/sample-video is not here";
  ExpectPublishedTable(
      *dataset, {},
      {{"popularity", .0364, .0163, .1594, .0364, .0165, .1603, ""},
       {"item-kNN", .0109, .0044, .1020, .0364, .0163, .1184,
        "k=all, shrink=20"},
       {"item-kNN, recent", .0128, .0055, .1066, .0346, .0166, .1211,
        "k=all, shrink=20, half-life=10"}});
}

TEST(BaselinesTest, SameForAnyNumberOfThreads) {
  std::vector<TestHistory> histories(60);
  Rng rng(4);
  for (TestHistory& history : histories) {
    for (int i = 0; i < 12; ++i) {
      history.items.push_back(static_cast<int>(rng.Below(40)));
    }
  }
  const auto split = Split::Create(MakeDataset(histories), {});
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool one(1), four(4);
  const ExecutionContext context;
  const auto a = EvaluateBaselines(*split, {}, context, one);
  const auto b = EvaluateBaselines(*split, {}, context, four);
  ASSERT_TRUE(a.ok() && b.ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((*a)[i].setting, (*b)[i].setting);
    EXPECT_EQ((*a)[i].ranks, (*b)[i].ranks);
    EXPECT_EQ((*a)[i].ranks.size(), split->test().size());
  }
}

TEST(BaselinesTest, SelectionMayUseFewerCases) {
  std::vector<TestHistory> histories(9, {{1, 2, 3, 4, 5}, {}});
  const auto split = Split::Create(MakeDataset(histories), {});
  ThreadPool pool(1);
  const ExecutionContext context;
  const auto results =
      EvaluateBaselines(*split, {.max_selection_cases = 2}, context, pool);
  ASSERT_TRUE(results.ok());
  // Everybody takes 4 after 1 2 3; nobody has 4 or 5 in training.
  ASSERT_EQ((*results)[0].ranks.size(), 9u);
  for (const TargetRanks& rank : (*results)[0].ranks) {
    EXPECT_EQ(rank.unseen, 1.0);
  }
  EXPECT_EQ((*results)[0].validation_ndcg, NdcgAt(1.5, 10));
}

TEST(BaselinesTest, TextsRankWhatIsLikeTheNewest) {
  // Everybody takes 4 behind 3 and 5 behind 4; item 0 is behind 1 in no log,
  // but most like it.
  std::vector<TestHistory> histories(9, {{1, 2, 3, 4, 5}, {}});
  histories.push_back({{6, 7, 8, 9, 0}, {}});
  const auto split = Split::Create(MakeDataset(histories), {});
  ASSERT_TRUE(split.ok()) << split.status();
  const NeighbourTable texts({0, 0, 1, 1, 2, 3, 3, 3, 3, 3, 3},
                             {{0, 5}, {4, 1}, {5, 1}});
  ThreadPool pool(1);
  const auto results =
      EvaluateBaselines(*split, {.texts = &texts}, ExecutionContext(), pool);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 5u);
  const BaselineResult& plain = (*results)[3];
  const BaselineResult& recent = (*results)[4];
  EXPECT_EQ(plain.name, "text cosine");
  EXPECT_EQ(plain.setting, KnnSetting());
  EXPECT_EQ(plain.ranks[0].unseen, 2);  // item 0 is before it
  EXPECT_EQ(recent.name, "text cosine, recent");
  EXPECT_EQ(recent.setting.half_life, 1);
  EXPECT_EQ(recent.ranks[0].unseen, 1);
}

TEST(BaselinesTest, RefusesAnEmptyGridAndStopsWhenCancelled) {
  const auto split = Split::Create(MakeDataset({{{1, 2, 3, 4, 5}, {}}}), {});
  ThreadPool pool(1);
  ExecutionContext context;
  EXPECT_EQ(EvaluateBaselines(*split, {.neighbours = {}}, context, pool)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  const std::atomic<bool> cancelled = true;
  context.cancelled = &cancelled;
  EXPECT_EQ(EvaluateBaselines(*split, {}, context, pool).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace attune
