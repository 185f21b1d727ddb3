// A model is published beside requests and writers.
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "base/strings.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;

class PublishTest : public ShopTest {
 protected:
  /// An engine on a copy of the database, which says when it begins to embed.
  std::unique_ptr<Engine> OpenAt(int64_t items_per_second) {
    EngineOptions options;
    options.database_path = CopyOfDatabase();
    options.publish_items_per_second = items_per_second;
    options.log = [this](LogLevel, std::string_view message) {
      if (message.find("embedding") != std::string_view::npos) {
        embedding_.set_value(std::string(message));
      }
    };
    return Open(std::move(options));
  }
  std::string WaitUntilItEmbeds() { return embedding_.get_future().get(); }

  static std::string CurrentModel(Engine& engine) {
    const auto response = engine.Rank(Request("user1", 0, 3));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->model() : "";
  }

  std::promise<std::string> embedding_;
};

TEST_F(PublishTest, TheRateIsKept) {
  const std::unique_ptr<Engine> engine = OpenAt(300);
  ASSERT_NE(engine, nullptr);
  const auto begin = steady_clock::now();
  ASSERT_TRUE(engine->ReloadModel(shop()->model(1)).ok());
  // 90 items in steps of 32: the last begins when 64 have had their time.
  EXPECT_GE(steady_clock::now() - begin, std::chrono::milliseconds(213));
  EXPECT_THAT(WaitUntilItEmbeds(), HasSubstr("300 items per second"));
}

TEST_F(PublishTest, ADamagedCopyInTheDatabaseIsReplaced) {
  const std::string database = CopyOfDatabase();
  EngineOptions options;
  options.database_path = database;
  const std::unique_ptr<Engine> engine = Open(std::move(options));
  ASSERT_NE(engine, nullptr);
  ASSERT_TRUE(engine->ReloadModel(shop()->model(1)).ok());
  const std::string weights = StrCat(
      database, "/models/", CurrentModel(*engine), "/weights.safetensors");
  std::filesystem::resize_file(weights, 100);
  EXPECT_TRUE(engine->ReloadModel(shop()->model(1)).ok());
  EXPECT_GT(std::filesystem::file_size(weights), 100u);
}

TEST_F(PublishTest, WhatIsEmbeddedAlreadyCostsNoTime) {
  const std::unique_ptr<Engine> engine = OpenAt(1);
  ASSERT_NE(engine, nullptr);
  const auto begin = steady_clock::now();
  ASSERT_TRUE(engine->ReloadModel(shop()->model(0)).ok());
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_F(PublishTest, TheOldModelAnswersAndWritersWriteMeanwhile) {
  const std::unique_ptr<Engine> engine = OpenAt(200);
  ASSERT_NE(engine, nullptr);
  const std::string before = CurrentModel(*engine);
  std::thread publisher([&] {
    const absl::Status status = engine->ReloadModel(shop()->model(1));
    EXPECT_TRUE(status.ok()) << status;
  });
  WaitUntilItEmbeds();
  EXPECT_EQ(CurrentModel(*engine), before);
  v1::Item item;
  item.set_item_id(TrainedShop::ItemId(89));
  item.set_title("bread and yeast, told anew");
  EXPECT_TRUE(engine->PutItems({&item, 1}).ok());
  const absl::Status rollback = engine->RollbackModel();
  EXPECT_EQ(rollback.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(rollback.ToString(), HasSubstr("being published"));
  publisher.join();
  EXPECT_NE(CurrentModel(*engine), before);
  EXPECT_TRUE(engine->RollbackModel().ok());
  EXPECT_EQ(CurrentModel(*engine), before);
}

TEST_F(PublishTest, ARecordChangedMeanwhileIsEmbeddedAsItIs) {
  const std::unique_ptr<Engine> slow = OpenAt(200);
  ASSERT_NE(slow, nullptr);
  std::thread publisher(
      [&] { EXPECT_TRUE(slow->ReloadModel(shop()->model(1)).ok()); });
  WaitUntilItEmbeds();
  std::vector<v1::Item> items(TrainedShop::kItems);
  for (int i = 0; i < TrainedShop::kItems; ++i) {
    items[i].set_item_id(TrainedShop::ItemId(i));
    items[i].set_title("comet and moon");
    ASSERT_TRUE(slow->PutItems({&items[i], 1}).ok());
  }
  publisher.join();
  const auto after = slow->Rank(Request("user1", 0, 10));

  embedding_ = {};
  const std::unique_ptr<Engine> other = OpenAt(0);
  ASSERT_TRUE(other->PutItems(items).ok());
  ASSERT_TRUE(other->ReloadModel(shop()->model(1)).ok());
  const auto expected = other->Rank(Request("user1", 0, 10));
  ASSERT_TRUE(after.ok() && expected.ok());
  ASSERT_EQ(after->items_size(), expected->items_size());
  for (int i = 0; i < after->items_size(); ++i) {
    EXPECT_EQ(after->items(i).item_id(), expected->items(i).item_id());
    EXPECT_EQ(after->items(i).score(), expected->items(i).score());
  }
}

// At one item per second the catalogue takes 90 s: only the end of the waiting
// lets these be quick.
TEST_F(PublishTest, ACancelEndsTheWait) {
  const std::unique_ptr<Engine> engine = OpenAt(1);
  ASSERT_NE(engine, nullptr);
  const std::string before = CurrentModel(*engine);
  auto publication = std::async(std::launch::async, [&] {
    return engine->ReloadModel(shop()->model(1));
  });
  WaitUntilItEmbeds();
  const auto begin = steady_clock::now();
  EXPECT_TRUE(engine->CancelReload().ok());
  EXPECT_EQ(publication.get().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(CurrentModel(*engine), before);
  EXPECT_TRUE(engine->RollbackModel().code() ==
              absl::StatusCode::kFailedPrecondition)
      << "nothing was published before";
}

TEST_F(PublishTest, AClosingEngineEndsTheWaitAndRefusesMore) {
  const std::unique_ptr<Engine> engine = OpenAt(1);
  ASSERT_NE(engine, nullptr);
  auto publication = std::async(std::launch::async, [&] {
    return engine->ReloadModel(shop()->model(1));
  });
  WaitUntilItEmbeds();
  const auto begin = steady_clock::now();
  engine->PrepareClose();
  EXPECT_EQ(publication.get().code(), absl::StatusCode::kCancelled);
  embedding_ = {};
  EXPECT_EQ(engine->ReloadModel(shop()->model(1)).code(),
            absl::StatusCode::kCancelled);
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace attune
