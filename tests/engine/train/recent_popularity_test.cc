#include "engine/train/recent_popularity.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "engine/train/metrics.h"

namespace attune {
namespace {

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'600'000'000'000;

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
      Interaction event;
      event.item = items[static_cast<size_t>(t)];
      event.action = read;
      event.positive = true;
      event.has_time = timed;
      event.time_ms = kStart + t * kHour + (40 - u) * 1000;
      event.sort_key = event.time_ms;
      builder.AddInteraction(user, event);
    }
  }
  return std::move(builder).Build();
}

TEST(RecentPopularityTest, FindsWhatIsReadNow) {
  SplitOptions options;
  options.min_positives = 3;
  const Dataset dataset = News(true);
  const auto split = Split::Create(dataset, options);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(2);
  const auto recent =
      EvaluateRecentPopularity(*split, ExecutionContext(), pool);
  ASSERT_TRUE(recent.ok()) << recent.status();
  ASSERT_TRUE(recent->has_value());
  EXPECT_EQ((*recent)->hours, 1);
  ASSERT_EQ((*recent)->ranks_unseen.size(), split->test().size());
  // Two others have just read the target, three every item of the hours
  // before; nobody that of the last user.
  for (size_t u = 0; u + 1 < split->test().size(); ++u) {
    EXPECT_EQ((*recent)->ranks_unseen[u], 1) << u;
  }
  EXPECT_GT((*recent)->ranks_unseen.back(), 1);
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
    Interaction event;
    event.item = items[static_cast<size_t>(item)];
    event.action = read;
    event.positive = event.has_time = true;
    event.time_ms = event.sort_key = time_ms;
    builder.AddInteraction(user, event);
  };
  const int32_t first = builder.AddUser("first");
  const int32_t second = builder.AddUser("second");
  for (int i = 0; i < 3; ++i) add(first, i, kStart + i * kHour);
  add(second, 3, kStart);
  add(second, 4, kStart + kHour);
  add(second, 2, kStart + 2 * kHour + 1000);
  SplitOptions options;
  options.min_positives = 3;
  const Dataset dataset = std::move(builder).Build();
  const auto split = Split::Create(dataset, options);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(1);
  const auto recent =
      EvaluateRecentPopularity(*split, ExecutionContext(), pool);
  ASSERT_TRUE(recent.ok() && recent->has_value());
  // "c" is the target of both. When the first asks, nobody has read it: it is
  // last among the unseen c, d, e. When the second asks, the first has just
  // done so: it leads a, b, c.
  const std::vector<double>& ranks = (*recent)->ranks_unseen;
  ASSERT_EQ(ranks.size(), 2u);
  EXPECT_EQ(ranks[0], 3);
  EXPECT_EQ(ranks[1], 1);
}

TEST(RecentPopularityTest, NeedsTimes) {
  SplitOptions options;
  options.min_positives = 3;
  const Dataset dataset = News(false);
  const auto split = Split::Create(dataset, options);
  ASSERT_TRUE(split.ok()) << split.status();
  ThreadPool pool(1);
  const auto recent =
      EvaluateRecentPopularity(*split, ExecutionContext(), pool);
  ASSERT_TRUE(recent.ok()) << recent.status();
  EXPECT_FALSE(recent->has_value());
}

}  // namespace
}  // namespace attune
