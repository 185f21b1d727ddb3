#include "engine/train/recent_popularity.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "engine/train/metrics.h"

namespace attune {
namespace {

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'600'000'000'000;

Interaction Read(int32_t item, int16_t action, int64_t time_ms,
                 bool timed = true) {
  Interaction event;
  event.item = item;
  event.action = action;
  event.positive = true;
  event.has_time = timed;
  event.time_ms = event.sort_key = time_ms;
  return event;
}

absl::StatusOr<Split> SplitOf(const Dataset& dataset) {
  SplitOptions options;
  options.min_positives = 3;
  return Split::Create(dataset, options);
}

/// News: item t is what is read in hour t, and nothing later. User u of 40
/// reads in the hours u to u + 2, in each a second behind user u + 1.
Dataset News(bool timed) {
  DatasetBuilder builder;
  const int16_t read = *builder.AddAction("read");
  std::vector<int32_t> items;
  for (int t = 0; t < 45; ++t)
    items.push_back(builder.AddItem(StrCat("n", 100 + t)));
  for (int u = 0; u < 40; ++u) {
    const int32_t user = builder.AddUser(StrCat("u", 100 + u));
    for (int t = u; t < u + 3; ++t) {
      builder.AddInteraction(user,
                             Read(items[static_cast<size_t>(t)], read,
                                  kStart + t * kHour + (40 - u) * 1000, timed));
    }
  }
  return std::move(builder).Build();
}

TEST(RecentPopularityTest, FindsWhatIsReadNow) {
  const Dataset dataset = News(true);
  const auto split = SplitOf(dataset);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(2);
  const auto recent =
      EvaluateRecentPopularity(*split, ExecutionContext(), pool);
  ASSERT_TRUE(recent.ok()) << recent.status();
  ASSERT_TRUE(recent->has_value());
  EXPECT_EQ((*recent)->hours, 1);
  ASSERT_EQ((*recent)->ranks.size(), split->test().size());
  // Two others have just read the target, three every item of the hours
  // before; nobody that of the last user.
  for (size_t u = 0; u + 1 < split->test().size(); ++u) {
    EXPECT_EQ((*recent)->ranks[u].unseen, 1) << u;
  }
  EXPECT_GT((*recent)->ranks.back().unseen, 1);
  EXPECT_GT((*recent)->validation_ndcg, 0.9);
}

TEST(RecentPopularityTest, KnowsNothingOfTheFuture) {
  // User 1 reads the item a second after user 0 asked for it.
  DatasetBuilder builder;
  const int16_t read = *builder.AddAction("read");
  std::vector<int32_t> items;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    items.push_back(builder.AddItem(id));
  }
  const auto add = [&](int32_t user, int item, int64_t time_ms) {
    builder.AddInteraction(
        user, Read(items[static_cast<size_t>(item)], read, time_ms));
  };
  const int32_t first = builder.AddUser("first");
  const int32_t second = builder.AddUser("second");
  for (int i = 0; i < 3; ++i) add(first, i, kStart + i * kHour);
  add(second, 3, kStart);
  add(second, 4, kStart + kHour);
  add(second, 2, kStart + 2 * kHour + 1000);
  const Dataset dataset = std::move(builder).Build();
  const auto split = SplitOf(dataset);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(1);
  const auto recent =
      EvaluateRecentPopularity(*split, ExecutionContext(), pool);
  ASSERT_TRUE(recent.ok() && recent->has_value());
  // "c" is the target of both. When the first asks, nobody has read it: it is
  // last among the unseen c, d, e. When the second asks, the first has just
  // done so: it leads a, b, c.
  const std::vector<TargetRanks>& ranks = (*recent)->ranks;
  ASSERT_EQ(ranks.size(), 2u);
  EXPECT_EQ(ranks[0].unseen, 3);
  EXPECT_EQ(ranks[1].unseen, 1);
}

TEST(RecentPopularityTest, NeedsTimes) {
  const Dataset dataset = News(false);
  const auto split = SplitOf(dataset);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(1);
  const auto recent =
      EvaluateRecentPopularity(*split, ExecutionContext(), pool);
  ASSERT_TRUE(recent.ok()) << recent.status();
  EXPECT_FALSE(recent->has_value());
}

}  // namespace
}  // namespace attune
