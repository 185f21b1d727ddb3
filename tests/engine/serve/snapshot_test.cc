// An engine on a snapshot answers as one on the database that it was made of.
#include "engine/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class EngineSnapshotTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    database_ = CopyOfDatabase();
  }
  void TearDown() override {
    std::filesystem::remove(path());
    ShopTest::TearDown();
  }

  std::string path() const { return database_ + ".snapshot"; }
  MadeSnapshot Make(bool histories) {
    MakeSnapshotOptions options;
    options.database_path = database_;
    options.output_path = path();
    options.histories = histories;
    const absl::StatusOr<MadeSnapshot> made = MakeSnapshot(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *made : MadeSnapshot();
  }
  static EngineOptions Follower(const std::string& path,
                                const std::string& precision = "") {
    EngineOptions options;
    options.database_path = path;
    options.mode = EngineOptions::Mode::kFollower;
    options.precision = precision;
    return options;
  }

  /// Requests of every kind that reads the store.
  static std::vector<v1::RankRequest> Requests(const std::string& user) {
    std::vector<v1::RankRequest> requests;
    requests.push_back(Request(user, 0, TrainedShop::kItems));
    requests.push_back(Request(user, 10, 7));
    requests.back().add_candidate_ids("no such item");
    requests.back().set_explain(true);
    requests.back().set_without_state(true);
    requests.push_back(Request(user, 0, 0));  // the engine finds them
    requests.back().set_k(12);
    requests.back().mutable_policy()->set_exclude_seen(true);
    return requests;
  }

  std::string database_;
};

TEST_F(EngineSnapshotTest, AnswersBitForBitAsTheDatabase) {
  const MadeSnapshot made = Make(/*histories=*/true);
  EXPECT_EQ(made.rows.items, TrainedShop::kItems);
  EXPECT_EQ(made.rows.vectors, TrainedShop::kItems);
  EXPECT_EQ(made.rows.histories, TrainedShop::kUsers);
  for (const char* precision : {"f32", "bf16"}) {
    const auto database = Open(Follower(database_, precision));
    const auto snapshot = Open(Follower(path(), precision));
    ASSERT_TRUE(database != nullptr && snapshot != nullptr);
    for (const char* user : {"user0", "user7", "user39", "nobody", ""}) {
      for (const v1::RankRequest& request : Requests(user)) {
        const auto expected = database->Rank(request);
        const auto answer = snapshot->Rank(request);
        ASSERT_TRUE(expected.ok()) << expected.status();
        ASSERT_TRUE(answer.ok()) << answer.status();
        EXPECT_GT(answer->items_size(), 0);
        EXPECT_EQ(answer->model(), made.model_version);
        EXPECT_EQ(answer->SerializeAsString(), expected->SerializeAsString());
      }
    }
  }
}

TEST_F(EngineSnapshotTest, WithoutHistoriesRequestsBringThem) {
  Make(/*histories=*/false);
  const auto database = Open(Follower(database_));
  const auto snapshot = Open(Follower(path()));
  ASSERT_TRUE(database != nullptr && snapshot != nullptr);
  v1::RankRequest request = Request("user3", 0, 20);
  const absl::Status status = snapshot->Rank(request).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--histories"));
  v1::History* history = request.mutable_inline_history();
  for (int i = 0; i < 5; ++i) {
    v1::HistoryEvent* event = history->add_events();
    event->set_item_id(TrainedShop::ItemId(3 * i));
    event->set_action("click");
    event->set_sort_key(TrainedShop::kNowMs - 1000 * (9 - i));
    event->set_has_time(true);
  }
  history->set_count(history->events_size());
  const auto expected = database->Rank(request);
  const auto answer = snapshot->Rank(request);
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->SerializeAsString(), expected->SerializeAsString());
}

TEST_F(EngineSnapshotTest, IsReadOnly) {
  Make(/*histories=*/true);
  EngineOptions owner;
  owner.database_path = path();
  const absl::Status opened = Engine::Open(owner).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(opened)) << opened;
  EXPECT_THAT(std::string(opened.message()), HasSubstr("follower"));
  const auto snapshot = Open(Follower(path()));
  ASSERT_NE(snapshot, nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      snapshot->PutEvents({{TrainedShop::Click("user1", "item1", 1)}})));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(snapshot->ReloadModel(shop()->model(1))));
  EXPECT_TRUE(snapshot->Refresh().ok());
  v1::RankRequest request = Request("user1", 0, 5);
  request.set_model("0123456789abcdef");
  EXPECT_TRUE(absl::IsNotFound(snapshot->Rank(request).status()));
}

TEST_F(EngineSnapshotTest, NeedsAPublishedModel) {
  MakeSnapshotOptions options;
  options.database_path = path() + ".db";
  options.output_path = path();
  EngineOptions create;
  create.database_path = options.database_path;
  create.create_if_missing = true;
  ASSERT_NE(Open(create), nullptr);
  const absl::Status status = MakeSnapshot(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("publish"));
  EXPECT_FALSE(std::filesystem::exists(path()));
  std::filesystem::remove_all(options.database_path);
}

}  // namespace
}  // namespace attune
