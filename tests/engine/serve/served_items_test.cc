// What requests keep of items in memory follows every write: after each, an
// engine that has answered before scores as one that was just opened.
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "storage/database.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

class ServedItemsTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    path_ = CopyOfDatabase();
  }

  absl::StatusOr<std::unique_ptr<Engine>> OpenOwner(
      size_t memory_limit_bytes = size_t{256} << 20, bool fill = false) const {
    EngineOptions options;
    options.database_path = path_;
    options.memory_limit_bytes = memory_limit_bytes;
    options.fill_items = fill;
    return Engine::Open(std::move(options));
  }

  static std::vector<float> Scores(Engine& engine,
                                   const std::vector<std::string>& ids) {
    std::vector<std::string_view> views(ids.begin(), ids.end());
    std::vector<float> scores(ids.size());
    RankIdsOptions options;
    options.now_ms = TrainedShop::kNowMs + 1000;
    options.without_state = true;
    const absl::Status status =
        engine.RankIds(TrainedShop::UserId(1), views, scores, options);
    EXPECT_TRUE(status.ok()) << status;
    return scores;
  }

  /// Bit for bit, NaN of hidden items included.
  void ExpectAsJustOpened(Engine& engine, const std::string& what) const {
    EngineOptions options;
    options.database_path = path_;
    options.mode = EngineOptions::Mode::kFollower;
    auto fresh = Engine::Open(std::move(options));
    ASSERT_TRUE(fresh.ok()) << fresh.status();
    const std::vector<float> kept = Scores(engine, Ids());
    const std::vector<float> read = Scores(**fresh, Ids());
    for (size_t i = 0; i < kept.size(); ++i) {
      EXPECT_TRUE(kept[i] == read[i] ||
                  (kept[i] != kept[i] && read[i] != read[i]))
          << what << ", " << Ids()[i] << ": " << kept[i] << ", just opened "
          << read[i];
    }
  }

  static std::vector<std::string> Ids() {
    std::vector<std::string> ids = {"no such item", "fresh item"};
    for (int i = 0; i < TrainedShop::kItems; ++i) {
      ids.push_back(TrainedShop::ItemId(i));
    }
    return ids;
  }

  static v1::Item Item(const std::string& id, const std::string& title) {
    v1::Item item;
    item.set_item_id(id);
    item.set_title(title);
    item.add_tags("star");
    return item;
  }

  std::string path_;
};

TEST_F(ServedItemsTest, FollowEveryWrite) {
  auto opened = OpenOwner();
  ASSERT_TRUE(opened.ok()) << opened.status();
  Engine& engine = **opened;
  const std::string id = TrainedShop::ItemId(4);
  const auto place = [&](const std::string& wanted) {
    const std::vector<std::string> ids = Ids();
    return std::find(ids.begin(), ids.end(), wanted) - ids.begin();
  };
  std::vector<float> before = Scores(engine, Ids());
  ExpectAsJustOpened(engine, "at first");

  v1::Item item = Item(id, "bread and oven");
  ASSERT_TRUE(engine.PutItems({&item, 1}).ok());
  std::vector<float> after = Scores(engine, Ids());
  EXPECT_NE(after[place(id)], before[place(id)]);
  EXPECT_EQ(after[place(TrainedShop::ItemId(5))],
            before[place(TrainedShop::ItemId(5))]);
  ExpectAsJustOpened(engine, "another record");

  // Others' clicks change the counters alone.
  before = after;
  for (int i = 0; i < 20; ++i) {
    const v1::Event event =
        TrainedShop::Click("someone else", id, TrainedShop::kNowMs - i);
    ASSERT_TRUE(engine.PutEvents({&event, 1}).ok());
  }
  after = Scores(engine, Ids());
  ExpectAsJustOpened(engine, "clicks");

  // Unknown ids are kept, too, and come to life.
  EXPECT_EQ(after[place("fresh item")], after[place("no such item")]);
  item = Item("fresh item", "star and moon");
  ASSERT_TRUE(engine.PutItems({&item, 1}).ok());
  EXPECT_GT(Scores(engine, Ids())[place("fresh item")],
            after[place("no such item")]);
  ExpectAsJustOpened(engine, "a new item");
  ASSERT_TRUE(engine.DeleteItem("fresh item").ok());
  EXPECT_EQ(Scores(engine, Ids())[place("fresh item")],
            Scores(engine, Ids())[place("no such item")]);
  ExpectAsJustOpened(engine, "a deletion");

  item = Item(id, "bread and oven");
  item.set_unavailable(true);
  ASSERT_TRUE(engine.PutItems({&item, 1}).ok());
  EXPECT_TRUE(std::isnan(Scores(engine, Ids())[place(id)]));
  ExpectAsJustOpened(engine, "unavailable");
  item.set_unavailable(false);
  ASSERT_TRUE(engine.PutItems({&item, 1}).ok());

  ASSERT_TRUE(engine.ReloadModel(shop()->model(1)).ok());
  ExpectAsJustOpened(engine, "another model");
  item = Item(id, "comet and orbit");
  ASSERT_TRUE(engine.PutItems({&item, 1}).ok());
  ASSERT_TRUE(engine.RollbackModel().ok());
  ExpectAsJustOpened(engine, "the model before");
}

// A record that is written by something that embeds nothing, as `ingest` does,
// leaves no vector of the record before.
TEST_F(ServedItemsTest, RecordsWrittenWithoutVectorsAreEmbeddedAnew) {
  const std::string id = TrainedShop::ItemId(7);
  std::vector<float> before;
  {
    auto engine = OpenOwner();
    ASSERT_TRUE(engine.ok()) << engine.status();
    before = Scores(**engine, {id});
  }
  {
    storage::OpenOptions open;
    open.path = path_;
    auto database = storage::Database::Open(open);
    ASSERT_TRUE(database.ok()) << database.status();
    storage::WriteGroup group;
    ASSERT_TRUE(group.PutItem(Item(id, "yeast and flour")).ok());
    ASSERT_TRUE((*database)->Write(std::move(group)).ok());
  }
  auto engine = OpenOwner();
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_NE(Scores(**engine, {id})[0], before[0]);
  ExpectAsJustOpened(**engine, "embedded on demand");
}

// What is kept of a user follows, too: in the owner by its writes, in a
// follower by looking.
TEST_F(ServedItemsTest, KeptUsersFollowTheirEventsAndRecords) {
  auto owner = OpenOwner();
  ASSERT_TRUE(owner.ok()) << owner.status();
  EngineOptions options;
  options.database_path = path_;
  options.mode = EngineOptions::Mode::kFollower;
  auto follower = Engine::Open(std::move(options));
  ASSERT_TRUE(follower.ok()) << follower.status();
  const std::vector<std::string> ids = Ids();
  const std::vector<std::string_view> views(ids.begin(), ids.end());
  const auto scores = [&](Engine& engine, bool without_state) {
    std::vector<float> result(ids.size());
    RankIdsOptions rank;
    rank.now_ms = TrainedShop::kNowMs + 1000;
    rank.without_state = without_state;
    const absl::Status status =
        engine.RankIds(TrainedShop::UserId(2), views, result, rank);
    EXPECT_TRUE(status.ok()) << status;
    return result;
  };
  std::vector<float> before = scores(**owner, false);
  EXPECT_EQ(scores(**follower, false), before);
  for (int round = 0; round < 6; ++round) {
    absl::Status status;
    if (round % 3 == 2) {
      status = (*owner)->DeleteUserEvents(TrainedShop::UserId(2),
                                          TrainedShop::ItemId(round));
    } else {
      const v1::Event event =
          TrainedShop::Click(TrainedShop::UserId(2), TrainedShop::ItemId(8),
                             TrainedShop::kNowMs - 500 + round);
      status = (*owner)->PutEvents({&event, 1});
    }
    ASSERT_TRUE(status.ok()) << status;
    const std::vector<float> kept = scores(**owner, false);
    const std::vector<float> cold = scores(**owner, true);
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_NEAR(kept[i], cold[i], 1e-5) << round << " " << ids[i];
    }
    if (round % 3 != 2) {
      EXPECT_NE(kept, before) << round;
    }
    ASSERT_TRUE((*follower)->Refresh().ok());
    const std::vector<float> followed = scores(**follower, false);
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_NEAR(followed[i], cold[i], 1e-5) << round << " " << ids[i];
    }
    before = kept;
  }
}

/// The engine's statistics once its item cache is filled.
nlohmann::json Filled(const Engine& engine) {
  while (true) {
    nlohmann::json stats =
        nlohmann::json::parse(engine.Stats(Engine::StatsFormat::kJson));
    if (!stats["item_vectors_filling"]) return stats;
    std::this_thread::yield();
  }
}

TEST_F(ServedItemsTest, AFilledCacheHoldsTheCatalogueFromTheStart) {
  const auto opened = OpenOwner(size_t{256} << 20, true);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Engine& engine = **opened;
  const nlohmann::json filled = Filled(engine)["item_vectors"];
  EXPECT_EQ(filled["entries"], TrainedShop::kItems);
  EXPECT_EQ(filled["misses"], 0);
  std::vector<std::string> known = Ids();
  known.erase(known.begin(), known.begin() + 2);
  Scores(engine, known);
  EXPECT_EQ(Filled(engine)["item_vectors"]["misses"], 0);
  ExpectAsJustOpened(engine, "filled");

  // Another model is filled, too.
  ASSERT_TRUE(engine.ReloadModel(shop()->model(1)).ok());
  EXPECT_EQ(Filled(engine)["item_vectors"]["entries"], TrainedShop::kItems);
  ExpectAsJustOpened(engine, "after a reload");
}

TEST_F(ServedItemsTest, WithoutFillingTheCacheStartsEmpty) {
  const auto opened = OpenOwner();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(Filled(**opened)["item_vectors"]["entries"], 0);
}

TEST_F(ServedItemsTest, WritesAndClosingBesideTheFilling) {
  Rng rng(9);
  for (int round = 0; round < 20; ++round) {
    const auto opened = OpenOwner(size_t{256} << 20, true);
    ASSERT_TRUE(opened.ok()) << opened.status();
    if (round % 4 == 0) continue;  // closed at once
    for (int write = 0; write < 10; ++write) {
      const std::string id =
          TrainedShop::ItemId(static_cast<int>(rng.Below(TrainedShop::kItems)));
      const v1::Item item =
          Item(id, rng.Bernoulli(0.5) ? "river and boat" : "moon and star");
      ASSERT_TRUE((*opened)->PutItems({&item, 1}).ok());
      const v1::Event event =
          TrainedShop::Click("someone else", id, TrainedShop::kNowMs);
      ASSERT_TRUE((*opened)->PutEvents({&event, 1}).ok());
    }
    Filled(**opened);
    ExpectAsJustOpened(**opened, "round " + std::to_string(round));
  }
}

TEST_F(ServedItemsTest, RandomWritesUnderASmallMemory) {
  auto opened = OpenOwner(size_t{8} << 20);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Engine& engine = **opened;
  Rng rng(8);
  for (int round = 0; round < 200; ++round) {
    const std::string id =
        TrainedShop::ItemId(static_cast<int>(rng.Below(TrainedShop::kItems)));
    absl::Status status;
    switch (rng.Below(4)) {
      case 0: {
        const v1::Item item =
            Item(id, rng.Bernoulli(0.5) ? "river and boat" : "moon and star");
        status = engine.PutItems({&item, 1});
        break;
      }
      case 1:
        status = engine.DeleteItem(id);
        break;
      default: {
        const v1::Event event =
            TrainedShop::Click("someone else", id, TrainedShop::kNowMs - round);
        status = engine.PutEvents({&event, 1});
      }
    }
    ASSERT_TRUE(status.ok()) << status;
    Scores(engine, Ids());
    if (round % 10 == 0) ExpectAsJustOpened(engine, "round");
  }
}

}  // namespace
}  // namespace attune
