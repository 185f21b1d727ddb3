// Requests that no well-meaning caller sends: refused, or served within bounds.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

class HostileRequestTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    EngineOptions options;
    options.database_path = CopyOfDatabase();
    engine_ = Open(std::move(options));
    ASSERT_NE(engine_, nullptr);
  }

  void TearDown() override {
    engine_.reset();
    ShopTest::TearDown();
  }

  v1::RankResponse Served(const v1::RankRequest& request) {
    const auto response = engine_->Rank(request);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return {};
    for (const v1::RankedItem& item : response->items()) {
      EXPECT_TRUE(std::isfinite(item.score())) << item.item_id();
    }
    return *response;
  }
  std::string Refused(const std::function<void(v1::RankRequest&)>& change) {
    v1::RankRequest request = Request("user1", 0, 5);
    change(request);
    const absl::Status status = engine_->Rank(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(HostileRequestTest, WhatIsRefusedIsNamed) {
  EXPECT_THAT(Refused([](auto& r) { r.set_now_ms(-1); }), HasSubstr("now_ms"));
  EXPECT_THAT(Refused([](auto& r) { r.set_now_ms(kLowest); }),
              HasSubstr("now_ms"));
  EXPECT_THAT(Refused([](auto& r) { r.set_now_ms(kHighest); }),
              HasSubstr("now_ms"));
  EXPECT_THAT(Refused([](auto& r) { r.set_deadline_ms(-7); }),
              HasSubstr("deadline_ms\": -7"));
  EXPECT_THAT(Refused([](auto& r) { r.mutable_policy()->set_diversity(1.5f); }),
              HasSubstr("policy.diversity\": 1.5"));
  EXPECT_THAT(Refused([](auto& r) { r.mutable_policy()->set_diversity(NAN); }),
              HasSubstr("policy.diversity"));
  EXPECT_THAT(Refused([](auto& r) {
                auto* event = r.mutable_inline_history()->add_events();
                event->set_has_time(true);
                event->set_sort_key(kLowest);
              }),
              HasSubstr("inline_history"));
  EXPECT_THAT(Refused([](auto& r) { r.add_candidates(); }),
              HasSubstr("item_id"));
  EXPECT_THAT(
      Refused([](auto& r) {
        r.mutable_policy()->set_value_formula(std::string(1 << 20, '('));
      }),
      HasSubstr("formula"));
  EXPECT_THAT(Refused([](auto& r) {
                for (int i = 0; i < 100'001; ++i) r.add_candidate_ids("x");
              }),
              HasSubstr("100006"));
}

// Stored numbers are checked when they are written; inline ones here.
TEST_F(HostileRequestTest, InlineNumbersMustBeFinite) {
  const auto price = [](v1::Item* item, double value) {
    item->set_item_id("shirt\n");
    v1::Feature* feature = item->add_features();
    feature->set_name("price");
    feature->mutable_value()->set_number(value);
  };
  EXPECT_EQ(
      Refused([&](auto& r) {
        r.add_candidates()->set_item_id("first");
        price(r.add_candidates(), NAN);
      }),
      "field \"candidates\": item 1 (\"shirt\\x0a\"): feature \"price\" is "
      "nan, must be a finite number");
  EXPECT_THAT(Refused([&](auto& r) { price(r.add_history_items(), INFINITY); }),
              HasSubstr("field \"history_items\": item 0"));
  EXPECT_THAT(Refused([](auto& r) {
                v1::Feature* age = r.mutable_inline_user()->add_features();
                age->set_name("age");
                age->mutable_value()->set_number(-INFINITY);
              }),
              HasSubstr("field \"inline_user\": feature \"age\" is -inf"));
}

TEST_F(HostileRequestTest, InlineRecordsAreBounded) {
  EXPECT_EQ(
      Refused([](auto& r) {
        for (int i = 0; i <= 100'000; ++i) {
          r.mutable_inline_history()->add_events();
        }
      }),
      "field \"inline_history\": 100001 events, at most 100000 are taken");
  EXPECT_THAT(Refused([](auto& r) {
                for (int i = 0; i <= 100'000; ++i) r.add_history_items();
              }),
              HasSubstr("\"history_items\": 100001 items"));
}

TEST_F(HostileRequestTest, AnUnknownModelIsQuoted) {
  v1::RankRequest request = Request("user1", 0, 5);
  request.set_model(std::string("v\0\x01\n", 4));
  const absl::Status status = engine_->Rank(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no model \"v\\x00\\x01\\x0a\" in database"));
}

TEST_F(HostileRequestTest, NoIdsAreAQuestionToo) {
  uint32_t degraded = 99;
  RankIdsOptions options;
  options.degraded = &degraded;
  EXPECT_TRUE(engine_->RankIds("user1", {}, {}, options).ok());
  EXPECT_EQ(degraded, 0u);
  options.model = "no such model";
  EXPECT_EQ(engine_->RankIds("user1", {}, {}, options).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(HostileRequestTest, OddRequestsAreServed) {
  v1::RankRequest request = Request("user1", 0, 5);
  request.set_k(std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(Served(request).items_size(), 5);
  request.set_deadline_ms(kHighest);  // as good as none
  EXPECT_EQ(Served(request).degraded_size(), 0);

  request = Request("user1", 0, 5);
  request.add_candidate_ids("");
  request.add_candidate_ids("\xff\xfe not UTF-8");
  request.add_candidate_ids(std::string(1 << 20, 'x'));
  request.add_candidate_ids("item1");  // again
  const v1::RankResponse response = Served(request);
  EXPECT_EQ(response.items_size(), 9);
  EXPECT_EQ(response.unknown_items(), 3u);

  v1::Item* item = request.add_candidates();
  item->set_item_id("inline");
  item->set_title(std::string(1 << 20, 'w'));
  for (int i = 0; i < 10'000; ++i) item->add_tags("t" + std::to_string(i));
  request.add_candidates()->set_item_id("inline");  // twice
  EXPECT_EQ(Served(request).items_size(), 11);
}

TEST_F(HostileRequestTest, OddHistoriesAreServed) {
  v1::RankRequest request = Request("", 0, 5);
  v1::History* history = request.mutable_inline_history();
  for (int i = 0; i < 3000; ++i) {
    v1::HistoryEvent* event = history->add_events();
    event->set_item_id(i % 2 == 0 ? "item1" : "\xff");
    event->set_action("no such action");
    event->set_has_time(i % 3 == 0);
    event->set_sort_key(i % 3 == 0 ? 1'000'000 - i : kLowest);
  }
  history->set_count(kHighest);
  history->set_epoch(kLowest);
  EXPECT_EQ(Served(request).items_size(), 5);
  history->set_count(-5);
  EXPECT_EQ(Served(request).items_size(), 5);
}

TEST_F(HostileRequestTest, BadUserIdsAreErrorsNotCrashes) {
  for (const std::string& user :
       {std::string("\xff\xfe"), std::string(1 << 20, 'u'),
        std::string("a\0b", 3)}) {
    v1::RankRequest request = Request(user, 0, 5);
    const auto response = engine_->Rank(request);
    if (!response.ok()) {
      EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument)
          << response.status();
    }
  }
}

TEST_F(HostileRequestTest, IdsAreCheckedAsRequestsAre) {
  const std::string_view ids[] = {"item1", ""};
  float scores[2];
  RankIdsOptions options;
  options.now_ms = kHighest;
  EXPECT_EQ(engine_->RankIds("user1", ids, scores, options).code(),
            absl::StatusCode::kInvalidArgument);
  options.now_ms = TrainedShop::kNowMs;
  EXPECT_EQ(
      engine_->RankIds("user1", ids, std::span(scores, 1), options).code(),
      absl::StatusCode::kInvalidArgument);
  options.deadline_ms = kHighest;
  EXPECT_TRUE(engine_->RankIds("user1", ids, scores, options).ok());
}

// All of a large catalogue, diversified: bounded work.
TEST_F(HostileRequestTest, AllCandidatesMayBeDiversified) {
  v1::RankRequest request;
  request.set_user_id("user1");
  request.set_now_ms(TrainedShop::kNowMs);
  for (int i = 0; i < 20'000; ++i) {
    request.add_candidate_ids(TrainedShop::ItemId(i % TrainedShop::kItems));
  }
  request.mutable_policy()->set_diversity(0.5f);
  EXPECT_EQ(Served(request).items_size(), 20'000);
}

}  // namespace
}  // namespace attune
