// The option "threads" changes times, never an answer.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

class ThreadsTest : public ShopTest {
 protected:
  std::unique_ptr<Engine> OpenWith(int threads) {
    EngineOptions options;
    options.database_path = CopyOfDatabase();
    options.threads = threads;
    return Open(std::move(options));
  }
  /// 1,800 candidates: more than one share per thread.
  static v1::RankRequest Many(const std::string& user) {
    v1::RankRequest request;
    request.set_user_id(user);
    request.set_now_ms(TrainedShop::kNowMs);
    for (int round = 0; round < 20; ++round) {
      request.MergeFrom(Request(user, 0, TrainedShop::kItems));
    }
    return request;
  }
};

TEST_F(ThreadsTest, ManyCandidatesGiveTheSameBits) {
  const auto alone = OpenWith(1);
  const auto together = OpenWith(4);
  ASSERT_TRUE(alone != nullptr && together != nullptr);
  for (const char* user : {"user1", "user2", "nobody"}) {
    v1::RankRequest request = Many(user);
    for (const bool cold : {true, false, false}) {
      request.set_without_state(cold);
      const auto expected = alone->Rank(request);
      const auto response = together->Rank(request);
      ASSERT_TRUE(expected.ok() && response.ok()) << response.status();
      EXPECT_EQ(response->items_size(), 20 * TrainedShop::kItems);
      EXPECT_EQ(response->SerializeAsString(), expected->SerializeAsString());
    }
  }
}

TEST_F(ThreadsTest, ManyRequestsGiveTheSameBits) {
  const auto alone = OpenWith(1);
  const auto together = OpenWith(4);
  ASSERT_TRUE(alone != nullptr && together != nullptr);
  std::vector<v1::RankRequest> requests;
  for (int i = 0; i < 60; ++i) {
    requests.push_back(
        Request(TrainedShop::UserId(i % TrainedShop::kUsers), i % 50, 30));
    requests.back().set_without_state(true);
    requests.back().set_request_id(std::to_string(i));
  }
  requests[7].set_model("no such model");
  std::vector<const v1::RankRequest*> pointers;
  for (const v1::RankRequest& request : requests) pointers.push_back(&request);
  const auto expected = alone->RankMany(pointers);
  const auto responses = together->RankMany(pointers);
  ASSERT_EQ(responses.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (i == 7) {
      EXPECT_EQ(responses[i].status().code(), absl::StatusCode::kNotFound);
      continue;
    }
    ASSERT_TRUE(responses[i].ok()) << responses[i].status();
    EXPECT_EQ(responses[i]->request_id(), std::to_string(i));
    EXPECT_EQ(responses[i]->SerializeAsString(),
              expected[i]->SerializeAsString());
  }
}

TEST_F(ThreadsTest, ASetFlagLeavesRequestsOut) {
  const auto engine = OpenWith(4);
  ASSERT_NE(engine, nullptr);
  const v1::RankRequest request = Request("user1", 0, 5);
  const std::vector<const v1::RankRequest*> pointers(10, &request);
  const std::atomic<bool> stop = true;
  for (const auto& response :
       engine->RankMany(pointers, {.cancelled = &stop})) {
    EXPECT_EQ(response.status().code(), absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace attune
