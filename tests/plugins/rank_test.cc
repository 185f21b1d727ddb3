#include <stdexcept>
#include <vector>

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RankTest : public AbiTest {
 protected:
  int RankIds(const std::vector<const char*>& ids,
              const std::vector<size_t>& lengths, size_t count, float* scores) {
    return attune_rank_ids(engine_, "reader", 6, ids.data(), lengths.data(),
                           count, scores, nullptr, error_.get());
  }
  ErrorBox error_;
};

TEST_F(RankTest, BytesInBytesOut) {
  v1::RankRequest request;
  request.set_user_id("reader");
  request.add_candidate_ids("a");
  request.add_candidate_ids("\xE6\x9B\xB8");
  request.set_request_id("r1");
  v1::RankResponse response;
  ASSERT_EQ(Rank(request, &response, &error_), 0) << error_.message();
  ASSERT_EQ(response.items_size(), 2);
  EXPECT_EQ(response.items(1).item_id(), "\xE6\x9B\xB8");
  EXPECT_EQ(response.items(0).score(), FakeScore("reader", "a"));
  EXPECT_EQ(response.request_id(), "r1");
}

TEST_F(RankTest, AnEmptyRequestIsAMessageToo) {
  BufferBox buffer;
  EXPECT_EQ(attune_rank(engine_, nullptr, 0, nullptr, buffer.get(), nullptr),
            0);
  EXPECT_NE(buffer.buffer.data, nullptr);
}

TEST_F(RankTest, IdsGiveTheScoresOfTheMessage) {
  float scores[3] = {};
  ASSERT_EQ(RankIds({"a", "bcX", nullptr}, {1, 2, 0}, 3, scores), 0)
      << error_.message();
  EXPECT_EQ(scores[0], FakeScore("reader", "a"));
  EXPECT_EQ(scores[1], FakeScore("reader", "bc"));
  EXPECT_EQ(scores[2], FakeScore("reader", ""));
  EXPECT_EQ(attune_rank_ids(engine_, nullptr, 0, nullptr, nullptr, 0, nullptr,
                            nullptr, nullptr),
            0);
}

TEST_F(RankTest, WrongIdArgumentsAreNamed) {
  float scores[3] = {};
  EXPECT_EQ(RankIds({"a", nullptr}, {1, 2}, 2, scores),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("ids[1]: NULL with length 2"));
  EXPECT_EQ(RankIds({"a", "b"}, {1, ~size_t{0}}, 2, scores),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("ids[1]"));
  EXPECT_EQ(RankIds({"a"}, {1}, size_t{1} << 40, scores),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("at most 100000"));
  EXPECT_EQ(RankIds({"a"}, {1}, 1, nullptr), ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("scores is NULL"));
}

TEST_F(RankTest, IdOptionsReachTheEngine) {
  RankIdsOptions seen;
  std::string model;
  Behaviour().rank_ids = [&](std::string_view, const RankIdsOptions& options) {
    seen = options;
    model = std::string(options.model);
    return absl::OkStatus();
  };
  const int32_t cancel = 0;
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.flags = ATTUNE_RANK_WITHOUT_STATE;
  options.now_ms = 1700000000000;
  options.deadline_ms = 25;
  options.model = "v7xyz";
  options.model_length = 2;
  options.cancel = &cancel;
  float score = 0;
  ASSERT_EQ(RankOneId(&options, &score, &error_), 0) << error_.message();
  EXPECT_EQ(seen.now_ms, 1700000000000);
  EXPECT_EQ(seen.deadline_ms, 25);
  EXPECT_EQ(model, "v7");
  EXPECT_TRUE(seen.without_state);
  EXPECT_TRUE(seen.cancelled.CanBeSet());
}

TEST_F(RankTest, WrongIdOptionsAreNamed) {
  float score = 0;
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.flags = 6;
  EXPECT_EQ(RankOneId(&options, &score, &error_), ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("flags"));
  options.flags = 0;
  options.now_ms = -1;
  EXPECT_EQ(RankOneId(&options, &score, &error_), ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("now_ms is -1"));
  options.now_ms = 0;
  options.deadline_ms = -5;
  EXPECT_EQ(RankOneId(&options, &score, &error_), ATTUNE_INVALID_ARGUMENT);
  options.deadline_ms = 0;
  options.model_length = 1;
  EXPECT_EQ(RankOneId(&options, &score, &error_), ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("model"));
}

TEST_F(RankTest, ASetCancelFlagEndsTheCallBeforeTheEngine) {
  volatile int32_t cancel = 1;
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.cancel = &cancel;
  float score = 0;
  EXPECT_EQ(RankOneId(&options, &score, &error_), ATTUNE_CANCELLED);
  attune_call_options call = {};
  call.struct_size = sizeof(call);
  call.cancel = &cancel;
  BufferBox buffer;
  EXPECT_EQ(attune_rank(engine_, nullptr, 0, &call, buffer.get(), nullptr),
            ATTUNE_CANCELLED);
  EXPECT_THAT(TakeCalls(), ElementsAre());
}

TEST_F(RankTest, TheEngineSeesTheFlagWhileItRuns) {
  int32_t cancel = 0;
  bool before = true, after = false;
  const auto look = [&](CancelFlag flag) {
    before = flag.IsSet();
    // Not 1, and no byte of it in front: the whole word counts.
    __atomic_store_n(&cancel, 0x10000, __ATOMIC_RELEASE);
    after = flag.IsSet();
    return absl::CancelledError("stopped");
  };
  Behaviour().rank_ids = [&](std::string_view, const RankIdsOptions& options) {
    return look(options.cancelled);
  };
  Behaviour().rank = [&](const v1::RankRequest&, const CallOptions& options) {
    return look(options.cancelled);
  };
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.cancel = &cancel;
  float score = 0;
  EXPECT_EQ(RankOneId(&options, &score, &error_), ATTUNE_CANCELLED);
  EXPECT_FALSE(before);
  EXPECT_TRUE(after);

  cancel = 0;
  before = true;
  after = false;
  attune_call_options call = {};
  call.struct_size = sizeof(call);
  call.cancel = &cancel;
  BufferBox buffer;
  EXPECT_EQ(attune_rank(engine_, nullptr, 0, &call, buffer.get(), nullptr),
            ATTUNE_CANCELLED);
  EXPECT_FALSE(before);
  EXPECT_TRUE(after);
}

TEST_F(RankTest, DeadlineOfTheEngineKeepsItsCode) {
  Behaviour().rank = [](const v1::RankRequest& request, const CallOptions&) {
    return request.deadline_ms() == 7
               ? absl::DeadlineExceededError("request deadline exceeded")
               : absl::OkStatus();
  };
  v1::RankRequest request;
  request.set_deadline_ms(7);
  v1::RankResponse response;
  EXPECT_EQ(Rank(request, &response, &error_), ATTUNE_DEADLINE_EXCEEDED);
}

TEST_F(RankTest, ABatchKeepsOrderAndFailsOneByOne) {
  int32_t cancel = 0;
  Behaviour().rank = [&](const v1::RankRequest& request, const CallOptions&) {
    if (request.user_id() == "bad") return absl::NotFoundError("no model x");
    if (request.user_id() == "stop") __atomic_store_n(&cancel, 1, 0);
    return absl::OkStatus();
  };
  v1::RankBatchRequest batch;
  for (const char* user : {"a", "bad", "stop", "late"}) {
    v1::RankRequest* request = batch.add_requests();
    request->set_user_id(user);
    request->set_request_id(user);
    request->add_candidate_ids("book");
  }
  const std::string bytes = batch.SerializeAsString();
  attune_call_options call = {};
  call.struct_size = sizeof(call);
  call.cancel = &cancel;
  BufferBox buffer;
  ASSERT_EQ(attune_rank_batch(engine_, bytes.data(), bytes.size(), &call,
                              buffer.get(), error_.get()),
            0)
      << error_.message();
  v1::RankBatchResponse response;
  ASSERT_TRUE(response.ParseFromString(buffer.bytes()));
  ASSERT_EQ(response.results_size(), 4);
  EXPECT_EQ(response.results(0).code(), 0);
  EXPECT_EQ(response.results(0).response().request_id(), "a");
  EXPECT_EQ(response.results(1).code(), ATTUNE_NOT_FOUND);
  EXPECT_EQ(response.results(1).message(), "no model x");
  EXPECT_FALSE(response.results(1).has_response());
  EXPECT_EQ(response.results(2).code(), 0);
  EXPECT_EQ(response.results(3).code(), ATTUNE_CANCELLED);
}

TEST_F(RankTest, ABatchOfTooManyRequestsIsRefused) {
  v1::RankBatchRequest batch;
  for (int i = 0; i <= 10'000; ++i) batch.add_requests();
  std::string bytes = batch.SerializeAsString();
  BufferBox buffer;
  EXPECT_EQ(attune_rank_batch(engine_, bytes.data(), bytes.size(), nullptr,
                              buffer.get(), error_.get()),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(),
              HasSubstr("RankBatchRequest.requests: 10001 requests, at most "
                        "10000"));
  EXPECT_THAT(TakeCalls(), ElementsAre());
  batch.mutable_requests()->RemoveLast();
  bytes = batch.SerializeAsString();
  EXPECT_EQ(attune_rank_batch(engine_, bytes.data(), bytes.size(), nullptr,
                              buffer.get(), error_.get()),
            0);
  v1::RankBatchResponse response;
  ASSERT_TRUE(response.ParseFromString(buffer.bytes()));
  EXPECT_EQ(response.results_size(), 10'000);
}

// 300 answers of 1 MiB: the first 63 fit, and the engine is not asked for many
// of the others.
TEST_F(RankTest, ABatchsAnswersAreBounded) {
  v1::RankBatchRequest batch;
  for (int i = 0; i < 300; ++i) {
    batch.add_requests()->set_request_id(std::string(200'000, 'r'));
  }
  int answered = 0;
  Behaviour().answer = [&](const v1::RankRequest&, v1::RankResponse* response) {
    ++answered;
    response->set_model(std::string(size_t{850'000}, 'm'));
  };
  const std::string bytes = batch.SerializeAsString();
  BufferBox buffer;
  ASSERT_EQ(attune_rank_batch(engine_, bytes.data(), bytes.size(), nullptr,
                              buffer.get(), error_.get()),
            0)
      << error_.message();
  v1::RankBatchResponse response;
  ASSERT_TRUE(response.ParseFromString(buffer.bytes()));
  ASSERT_EQ(response.results_size(), 300);
  int fit = 0;
  while (response.results(fit).code() == 0) ++fit;
  EXPECT_EQ(fit, 63);
  for (int i = fit; i < 300; ++i) {
    EXPECT_EQ(response.results(i).code(), ATTUNE_RESOURCE_EXHAUSTED);
    EXPECT_THAT(response.results(i).message(), HasSubstr("64 MiB"));
  }
  EXPECT_LE(answered, fit + 100);
}

TEST_F(RankTest, TextThatIsNoUtf8IsRefusedEverywhere) {
  float scores[2] = {};
  EXPECT_EQ(RankIds({"a", "b\xff"}, {1, 2}, 2, scores),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(error_.message(), "ids[1]: no UTF-8 in its 2 bytes");
  const char* bad = "\xC3(";
  const char* id = "a";
  const size_t length = 1;
  EXPECT_EQ(attune_rank_ids(engine_, bad, 2, &id, &length, 1, scores, nullptr,
                            error_.get()),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("user_id: no UTF-8"));
  EXPECT_EQ(attune_delete_item(engine_, bad, 2, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_delete_user(engine_, bad, 2, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_delete_user_events(engine_, "u", 1, bad, 2, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_prefetch_user(engine_, "u", 1, bad, 2, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(TakeCalls(), ElementsAre());
}

TEST_F(RankTest, NoIdsReachTheEngineAndDegradedIsWritten) {
  uint32_t degraded = 99;
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.degraded = &degraded;
  Behaviour().rank_ids = [](std::string_view, const RankIdsOptions&) {
    return absl::NotFoundError("no model x");
  };
  EXPECT_EQ(attune_rank_ids(engine_, "u", 1, nullptr, nullptr, 0, nullptr,
                            &options, error_.get()),
            ATTUNE_NOT_FOUND);
  EXPECT_EQ(degraded, 0u);
}

TEST_F(RankTest, NothingThrownComesOut) {
  v1::RankResponse response;
  Behaviour().rank = [](const v1::RankRequest&,
                        const CallOptions&) -> absl::Status {
    throw std::bad_alloc();
  };
  EXPECT_EQ(Rank({}, &response, &error_), ATTUNE_RESOURCE_EXHAUSTED);
  Behaviour().rank = [](const v1::RankRequest&,
                        const CallOptions&) -> absl::Status {
    throw std::logic_error("oops");
  };
  EXPECT_EQ(Rank({}, &response, &error_), ATTUNE_INTERNAL);
  EXPECT_EQ(error_.message(), "oops");
  Behaviour().rank = nullptr;
  EXPECT_EQ(Rank({}, &response, &error_), 0);
}

}  // namespace
}  // namespace attune
