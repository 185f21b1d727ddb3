// libattune.so itself, with a database and a model: what the fake cannot show.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "gmock/gmock.h"
#include "tests/plugins/boxes.h"
#include "tests/plugins/shop_test_base.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class RealEngineTest : public ShopTest {};

TEST_F(RealEngineTest, IdsAndBytesGiveTheSameScores) {
  engine_ = Open();
  const std::vector<float> scores = RankIds(engine_, "user-3");
  const v1::RankResponse response = Rank(engine_, Request("user-3"));
  ASSERT_EQ(response.items_size(), kCandidates);
  int different = 0;
  for (const v1::RankedItem& item : response.items()) {
    const int i = std::stoi(item.item_id().substr(5));
    EXPECT_EQ(scores[i], static_cast<float>(item.score())) << item.item_id();
    EXPECT_TRUE(std::isfinite(scores[i]));
    if (scores[i] != scores[0]) ++different;
  }
  EXPECT_GT(different, kCandidates / 2);
  EXPECT_FALSE(response.model().empty());
}

TEST_F(RealEngineTest, ABatchGivesTheScoresOfItsRequests) {
  engine_ = Open();
  v1::RankBatchRequest batch;
  for (int u = 0; u < 5; ++u) *batch.add_requests() = Request("user-1");
  batch.mutable_requests(2)->set_user_id("user-2");
  batch.mutable_requests(3)->set_model("no such version");
  const std::string bytes = batch.SerializeAsString();
  BufferBox buffer;
  ASSERT_EQ(attune_rank_batch(engine_, bytes.data(), bytes.size(), nullptr,
                              buffer.get(), nullptr),
            0);
  v1::RankBatchResponse response;
  ASSERT_TRUE(response.ParseFromString(buffer.bytes()));
  ASSERT_EQ(response.results_size(), 5);
  for (const int i : {0, 1, 2, 4}) {
    const v1::RankResponse alone = Rank(engine_, batch.requests(i));
    const v1::RankResponse& together = response.results(i).response();
    ASSERT_EQ(together.items_size(), alone.items_size());
    for (int c = 0; c < alone.items_size(); ++c) {
      EXPECT_EQ(together.items(c).item_id(), alone.items(c).item_id());
      EXPECT_EQ(together.items(c).score(), alone.items(c).score());
    }
  }
  EXPECT_EQ(response.results(3).code(), ATTUNE_NOT_FOUND);
  EXPECT_THAT(response.results(3).message(), HasSubstr("no such version"));
}

TEST_F(RealEngineTest, UnknownUsersAndItemsAreServed) {
  engine_ = Open();
  v1::RankRequest request = Request("nobody");
  request.add_candidate_ids("nothing");
  const v1::RankResponse response = Rank(engine_, request);
  EXPECT_EQ(response.items_size(), kCandidates + 1);
  EXPECT_EQ(response.unknown_items(), 1u);
  for (const v1::RankedItem& item : response.items()) {
    EXPECT_TRUE(std::isfinite(item.score())) << item.item_id();
  }
  request.clear_candidate_ids();
  request.set_user_id("user-1");
  request.set_k(10);
  const v1::RankResponse retrieved = Rank(engine_, request);
  EXPECT_TRUE(retrieved.retrieved());
  EXPECT_EQ(retrieved.items_size(), 10);
}

TEST_F(RealEngineTest, ReadersRankWhileTheModelIsReloaded) {
  engine_ = Open();
  const std::vector<float> expected = RankIds(engine_, "user-6");
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0, wrong = 0;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        if (RankIds(engine_, "user-6") != expected) ++wrong;
        ++calls;
      }
    });
  }
  const std::string model = shop_->model();
  for (int i = 0; i < 3; ++i) {
    ErrorBox error;
    EXPECT_EQ(
        attune_reload_model(engine_, model.data(), model.size(), error.get()),
        0)
        << error.message();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(calls, 0);
  EXPECT_EQ(wrong, 0) << "of " << calls;
}

// 60 items at one a second: closing ends the waiting.

TEST_F(RealEngineTest, CloseEndsAReload) {
  std::promise<void> embedding;
  attune_open_options hooks = {};
  hooks.struct_size = sizeof(hooks);
  hooks.log_user = &embedding;
  hooks.log = [](void* user, int32_t, const char* message, size_t length) {
    if (std::string(message, length).find("embedding") != std::string::npos) {
      static_cast<std::promise<void>*>(user)->set_value();
    }
  };
  // A new database: its items have no vectors yet.
  const std::string json =
      R"({"create": true, "publish_items_per_second": 1, "database": ")" +
      shop_->directory() + "/closing\"}";
  attune_engine* engine = nullptr;
  ASSERT_EQ(attune_open(json.data(), json.size(), &hooks, &engine, nullptr), 0);
  v1::PutItemsRequest items;
  for (int i = 0; i < TinyShop::kItems; ++i) {
    items.add_items()->set_item_id(TinyShop::ItemId(i));
  }
  const std::string bytes = items.SerializeAsString();
  ASSERT_EQ(attune_put_items(engine, bytes.data(), bytes.size(), 0, nullptr),
            0);
  const std::string model = shop_->model();
  int code = 0;
  std::thread publisher([&] {
    code = attune_reload_model(engine, model.data(), model.size(), nullptr);
  });
  embedding.get_future().wait();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(attune_close(engine, nullptr), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  publisher.join();
  EXPECT_EQ(code, ATTUNE_CANCELLED);
}

TEST_F(RealEngineTest, ABadModelIsRefusedAndTheOldOneAnswers) {
  engine_ = Open();
  const std::vector<float> expected = RankIds(engine_, "user-7");
  ErrorBox error;
  EXPECT_NE(attune_reload_model(engine_, "/no/such/model", 14, error.get()), 0);
  EXPECT_THAT(error.message(), HasSubstr("/no/such/model"));
  EXPECT_EQ(RankIds(engine_, "user-7"), expected);
}

TEST_F(RealEngineTest, WritesAreSeenAndDeleted) {
  engine_ = Open();
  const auto window = [&](const std::string& user) {
    return Rank(engine_, Request(user)).history_length();
  };
  const std::string click = ClickBytes("writer", "item-2", TinyShop::kNowMs);
  EXPECT_EQ(window("writer"), 0u);
  ASSERT_EQ(attune_put_events(engine_, click.data(), click.size(),
                              ATTUNE_PUT_SYNC, nullptr),
            0);
  EXPECT_EQ(window("writer"), 1u);
  EXPECT_EQ(
      attune_delete_user_events(engine_, "writer", 6, "item-3", 6, nullptr), 0);
  EXPECT_EQ(window("writer"), 1u);
  EXPECT_EQ(
      attune_delete_user_events(engine_, "writer", 6, "item-2", 6, nullptr), 0);
  EXPECT_EQ(window("writer"), 0u);
  EXPECT_EQ(attune_delete_user(engine_, "writer", 6, nullptr), 0);
}

TEST_F(RealEngineTest, APrefetchedUserIsWarm) {
  engine_ = Open();
  EXPECT_EQ(attune_prefetch_user(engine_, "user-10", 7, nullptr, 0, nullptr),
            0);
  EXPECT_TRUE(Rank(engine_, Request("user-10")).warm());
  EXPECT_FALSE(Rank(engine_, Request("user-11")).warm());
}

TEST_F(RealEngineTest, BadRecordsAreRefusedWhole) {
  engine_ = Open();
  v1::PutItemsRequest items;
  items.add_items()->set_item_id("half");
  items.add_items()->set_title("without an id");
  const std::string bytes = items.SerializeAsString();
  ErrorBox error;
  EXPECT_EQ(
      attune_put_items(engine_, bytes.data(), bytes.size(), 0, error.get()),
      ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error.message(), HasSubstr("item_id"));
  v1::RankRequest request;
  request.add_candidate_ids("half");
  EXPECT_EQ(Rank(engine_, request).unknown_items(), 1u);
}

TEST_F(RealEngineTest, ASecondOwnerIsRefusedAndAFollowerReads) {
  engine_ = Open();
  const std::string json = R"({"database": ")" + shop_->database() + "\"}";
  attune_engine* second = nullptr;
  ErrorBox error;
  EXPECT_EQ(
      attune_open(json.data(), json.size(), nullptr, &second, error.get()),
      ATTUNE_FAILED_PRECONDITION);
  EXPECT_THAT(error.message(), HasSubstr(std::to_string(getpid())));

  attune_engine* follower = Open(R"(, "mode": "follower")");
  EXPECT_EQ(RankIds(follower, "user-8"), RankIds(engine_, "user-8"));
  const std::string click = ClickBytes("followed", "item-1", TinyShop::kNowMs);
  EXPECT_EQ(
      attune_put_events(follower, click.data(), click.size(), 0, error.get()),
      ATTUNE_FAILED_PRECONDITION);
  EXPECT_EQ(attune_put_events(engine_, click.data(), click.size(), 0, nullptr),
            0);
  EXPECT_EQ(attune_refresh(follower, nullptr), 0);
  EXPECT_EQ(Rank(follower, Request("followed")).history_length(), 1u);
  EXPECT_EQ(attune_close(follower, nullptr), 0);
}

TEST_F(RealEngineTest, ADatabaseWithoutModelSaysSo) {
  engine_ = OpenAt(shop_->directory() + "/new", R"(, "create": true)");
  ErrorBox error;
  BufferBox buffer;
  EXPECT_EQ(
      attune_rank(engine_, nullptr, 0, nullptr, buffer.get(), error.get()),
      ATTUNE_FAILED_PRECONDITION);
  EXPECT_THAT(error.message(), HasSubstr("model"));
}

TEST_F(RealEngineTest, AMissingDatabaseIsNotFound) {
  const std::string json =
      R"({"database": ")" + shop_->directory() + "/nowhere\"}";
  attune_engine* engine = nullptr;
  ErrorBox error;
  EXPECT_EQ(
      attune_open(json.data(), json.size(), nullptr, &engine, error.get()),
      ATTUNE_NOT_FOUND);
  EXPECT_THAT(error.message(), HasSubstr("nowhere"));
}

TEST_F(RealEngineTest, ACorruptModelFileIsNamed) {
  engine_ = Open();
  const std::vector<float> expected = RankIds(engine_, "user-7");
  const std::string broken = shop_->directory() + "/broken";
  std::filesystem::copy(shop_->model(), broken,
                        std::filesystem::copy_options::recursive);
  {
    std::fstream weights(broken + "/weights.safetensors",
                         std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(weights.is_open());
    weights.seekp(-5, std::ios::end);
    weights.put('\x55');
  }
  ErrorBox error;
  EXPECT_EQ(
      attune_reload_model(engine_, broken.data(), broken.size(), error.get()),
      ATTUNE_DATA_LOSS);
  EXPECT_THAT(error.message(), HasSubstr("weights.safetensors"));
  EXPECT_EQ(RankIds(engine_, "user-7"), expected);
}

TEST_F(RealEngineTest, ASpentBudgetEndsTheCall) {
  engine_ = Open();
  const std::string id = "item-1";
  const std::vector<const char*> ids(100000, id.data());
  const std::vector<size_t> lengths(ids.size(), id.size());
  std::vector<float> scores(ids.size());
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.deadline_ms = 1;  // for what takes a hundred times as long
  ErrorBox error;
  EXPECT_EQ(attune_rank_ids(engine_, "user-1", 6, ids.data(), lengths.data(),
                            ids.size(), scores.data(), &options, error.get()),
            ATTUNE_DEADLINE_EXCEEDED)
      << error.message();
}

TEST_F(RealEngineTest, AnAmpleBudgetTellsOfNothingLeftOut) {
  engine_ = Open();
  const char* id = "item-1";
  const size_t length = 6;
  float score = 0;
  uint32_t degraded = 77;
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.deadline_ms = 60000;
  options.degraded = &degraded;
  EXPECT_EQ(attune_rank_ids(engine_, "user-1", 6, &id, &length, 1, &score,
                            &options, nullptr),
            0);
  EXPECT_EQ(degraded, 0u);
  // A caller of minor 1, whose struct ends before the field.
  degraded = 77;
  options.struct_size = offsetof(attune_rank_ids_options, degraded);
  EXPECT_EQ(attune_rank_ids(engine_, "user-1", 6, &id, &length, 1, &score,
                            &options, nullptr),
            0);
  EXPECT_EQ(degraded, 77u);
}

TEST_F(RealEngineTest, StatsAreText) {
  engine_ = Open();
  RankIds(engine_, "user-9");
  BufferBox json, text;
  ASSERT_EQ(attune_stats(engine_, ATTUNE_STATS_JSON, json.get(), nullptr), 0);
  ASSERT_EQ(attune_stats(engine_, ATTUNE_STATS_PROMETHEUS, text.get(), nullptr),
            0);
  EXPECT_EQ(json.bytes().front(), '{');
  EXPECT_THAT(text.bytes(), HasSubstr("# TYPE"));
  // One request, which every stage has a share of.
  for (const char* stage :
       {"read", "assemble", "encode", "decode", "fuse", "rank"}) {
    const std::string label = std::string("{stage=\"") + stage + "\"} ";
    EXPECT_THAT(text.bytes(),
                HasSubstr("attune_stage_seconds_count" + label + "1\n"));
    EXPECT_THAT(json.bytes(),
                HasSubstr(std::string("\"") + stage + "\":{\"count\":1,"));
  }
}

TEST_F(RealEngineTest, ASetFlagCancels) {
  engine_ = Open();
  volatile int32_t cancel = 1;
  attune_call_options call = {};
  call.struct_size = sizeof(call);
  call.cancel = &cancel;
  const std::string bytes = Request("user-1").SerializeAsString();
  BufferBox buffer;
  EXPECT_EQ(attune_rank(engine_, bytes.data(), bytes.size(), &call,
                        buffer.get(), nullptr),
            ATTUNE_CANCELLED);
  cancel = 0;
  EXPECT_EQ(attune_rank(engine_, bytes.data(), bytes.size(), &call,
                        buffer.get(), nullptr),
            0);
}

}  // namespace
}  // namespace attune
