// Requests that cannot be finished in time do less, and say so. Costs are made
// up, so that plans do not depend on the machine; deadlines are far away.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kBudgetMs = 3'600'000;
constexpr double kUsableNs = 0.8 * 3.6e12;

class DeadlineTest : public ShopTest {
 protected:
  std::unique_ptr<Engine> OpenWith(const RequestCosts& costs) {
    EngineOptions options;
    options.database_path = CopyOfDatabase();
    options.planning_costs = costs;
    return Open(std::move(options));
  }

  static v1::RankRequest All(const std::string& user) {
    v1::RankRequest request = Request(user, 0, TrainedShop::kItems);
    request.set_without_state(true);
    return request;
  }

  static v1::RankResponse Rank(Engine& engine, const v1::RankRequest& request) {
    absl::StatusOr<v1::RankResponse> response = engine.Rank(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::RankResponse();
  }
};

TEST_F(DeadlineTest, WithoutADeadlineNothingIsLeftOut) {
  const auto engine = OpenWith({.fused_candidate = 1e15});
  ASSERT_NE(engine, nullptr);
  EXPECT_THAT(Rank(*engine, All("user1")).degraded(), IsEmpty());
}

TEST_F(DeadlineTest, ADeadlineThatSufficesChangesNothing) {
  const auto engine = OpenWith({.fused_candidate = 1});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  const v1::RankResponse whole = Rank(*engine, request);
  request.set_deadline_ms(kBudgetMs);
  const v1::RankResponse timed = Rank(*engine, request);
  EXPECT_THAT(timed.degraded(), IsEmpty());
  EXPECT_EQ(timed.SerializeAsString(), whole.SerializeAsString());
}

// 90 candidates, 64 of which fit: those keep their scores, and the others
// follow by their match.
TEST_F(DeadlineTest, FewerCandidatesKeepTheirScores) {
  const auto engine = OpenWith({.fused_candidate = kUsableNs / 70});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  std::map<std::string, double> scores;
  const v1::RankResponse whole = Rank(*engine, request);
  for (const v1::RankedItem& item : whole.items()) {
    scores[item.item_id()] = item.score();
  }
  request.set_deadline_ms(kBudgetMs);
  const v1::RankResponse timed = Rank(*engine, request);
  EXPECT_THAT(timed.degraded(), ElementsAre("fused_candidates=64"));
  ASSERT_EQ(timed.items_size(), TrainedShop::kItems);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(timed.items(i).score(), scores[timed.items(i).item_id()]) << i;
  }
}

TEST_F(DeadlineTest, AColdHistoryIsCutAndNotKept) {
  // 16 rows of which half fit, beside all candidates' fusion.
  const auto engine =
      OpenWith({.encoded_row = kUsableNs / 10, .fused_candidate = 1});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  request.set_without_state(false);
  request.set_deadline_ms(kBudgetMs);
  const v1::RankResponse first = Rank(*engine, request);
  EXPECT_THAT(first.degraded(), ElementsAre("history_events=8"));
  EXPECT_EQ(first.history_length(), 8u);
  EXPECT_FALSE(Rank(*engine, request).warm());
  // A warm user has nothing to encode.
  ASSERT_TRUE(engine->PrefetchUser("user1").ok());
  const v1::RankResponse warm = Rank(*engine, request);
  EXPECT_TRUE(warm.warm());
  EXPECT_THAT(warm.degraded(), IsEmpty());
  EXPECT_GT(warm.history_length(), 8u);
}

TEST_F(DeadlineTest, TheMatchTermAlone) {
  const auto engine = OpenWith({.fused_candidate = kUsableNs});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  request.set_explain(true);
  request.set_deadline_ms(kBudgetMs);
  const v1::RankResponse timed = Rank(*engine, request);
  EXPECT_THAT(timed.degraded(), ElementsAre("reasons=0", "fused_candidates=0"));
  EXPECT_FALSE(timed.items(0).has_explanation());
  // By match only: the order is that of the match parts of a whole answer.
  request.set_deadline_ms(0);
  const v1::RankResponse whole = Rank(*engine, request);
  std::map<std::string, double> match;
  for (const v1::RankedItem& item : whole.items()) {
    match[item.item_id()] = item.explanation().match_part();
  }
  for (const v1::RankedItem& item : timed.items()) {
    EXPECT_NEAR(item.score(), match[item.item_id()], 1e-6);
  }
}

TEST_F(DeadlineTest, NotEvenThat) {
  const auto engine = OpenWith({.read_candidate = kUsableNs});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  request.set_deadline_ms(kBudgetMs);
  EXPECT_EQ(engine->Rank(request).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(DeadlineTest, IdsAreToldByBits) {
  const auto engine = OpenWith(
      {.encoded_row = kUsableNs / 10, .fused_candidate = kUsableNs / 1000});
  ASSERT_NE(engine, nullptr);
  std::vector<std::string> ids;
  for (int i = 0; i < TrainedShop::kItems; ++i) {
    ids.push_back(TrainedShop::ItemId(i));
  }
  const std::vector<std::string_view> views(ids.begin(), ids.end());
  std::vector<float> scores(ids.size());
  uint32_t degraded = 99;
  RankIdsOptions options;
  options.now_ms = TrainedShop::kNowMs;
  options.degraded = &degraded;
  ASSERT_TRUE(engine->RankIds("user1", views, scores, options).ok());
  EXPECT_EQ(degraded, 0u);
  options.without_state = true;
  options.deadline_ms = kBudgetMs;
  ASSERT_TRUE(engine->RankIds("user1", views, scores, options).ok());
  EXPECT_EQ(degraded, kDegradedHistory);
}

/// A request of 20,000 inline candidates, each to be embedded.
v1::RankRequest InlineCandidates() {
  v1::RankRequest request;
  request.set_now_ms(TrainedShop::kNowMs);
  request.set_k(1);
  for (int i = 0; i < 20'000; ++i) {
    v1::Item* item = request.add_candidates();
    item->set_item_id(std::to_string(i));
    item->set_title("river and boat and reed and fish");
  }
  return request;
}

// Embedding takes some 400 ms; both are looked at meanwhile.
TEST_F(DeadlineTest, InlineCandidatesAreNotEmbeddedPastTheDeadline) {
  const auto engine = OpenWith({});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = InlineCandidates();
  const auto whole_begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(engine->Rank(request).ok());
  const auto whole = std::chrono::steady_clock::now() - whole_begin;
  request.set_deadline_ms(1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(engine->Rank(request).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, whole / 4);

  request.set_deadline_ms(0);
  const std::atomic<bool> stop = true;
  const auto cancelled = std::chrono::steady_clock::now();
  EXPECT_EQ(engine->Rank(request, {.cancelled = &stop}).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - cancelled, whole / 4);
}

// What the caller did for the request before counts.
TEST_F(DeadlineTest, ABudgetBeginsWhereTheCallerSays) {
  const auto engine = OpenWith({});
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  request.set_deadline_ms(kBudgetMs);
  EXPECT_TRUE(engine->Rank(request).ok());
  CallOptions options;
  options.begin =
      std::chrono::steady_clock::now() - std::chrono::milliseconds(kBudgetMs);
  EXPECT_EQ(engine->Rank(request, options).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(DeadlineTest, MeasuredCostsLetAnAmpleDeadlineBe) {
  EngineOptions options;
  options.database_path = CopyOfDatabase();
  const auto engine = Open(std::move(options));
  ASSERT_NE(engine, nullptr);
  v1::RankRequest request = All("user1");
  request.set_deadline_ms(600'000);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Rank(*engine, request).degraded(), IsEmpty());
  }
}

}  // namespace
}  // namespace attune
