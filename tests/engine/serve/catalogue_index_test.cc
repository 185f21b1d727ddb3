// The retrieval index follows writes: at any time it answers as one that is
// made anew, and is never made anew because of them.
#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/rng.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

constexpr const char* kWords[] = {"river", "boat",  "star", "moon",
                                  "bread", "flour", "oven", "comet"};

v1::Item RandomItem(const std::string& id, Rng& rng) {
  v1::Item item;
  item.set_item_id(id);
  item.set_title(std::string(kWords[rng.Below(8)]) + " " +
                 kWords[rng.Below(8)]);
  item.add_categories("shelf " + std::to_string(rng.Below(5)));
  item.set_unavailable(rng.Bernoulli(0.1));
  return item;
}

class CatalogueIndexTest : public ShopTest {
 protected:
  std::unique_ptr<Engine> OpenAt(const std::string& path,
                                 EngineOptions::Mode mode) {
    EngineOptions options;
    options.database_path = path;
    options.mode = mode;
    options.publish_items_per_second = 0;
    return Open(std::move(options));
  }

  /// Of the whole catalogue; the cold path, so that kept states play no part.
  static v1::RankRequest Retrieval(const std::string& user) {
    v1::RankRequest request = Request(user, 0, 0);
    request.set_without_state(true);
    return request;
  }
  static std::string Answer(Engine& engine, const v1::RankRequest& request) {
    const auto response = engine.Rank(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->SerializeAsString() : "";
  }
  static int64_t Builds(const Engine& engine) {
    return nlohmann::json::parse(
        engine.Stats(Engine::StatsFormat::kJson))["retrieval_index"]["builds"];
  }
};

TEST_F(CatalogueIndexTest, AnswersAsAFreshIndexAfterRandomWrites) {
  const std::string path = CopyOfDatabase();
  const auto owner = OpenAt(path, EngineOptions::Mode::kOwner);
  ASSERT_NE(owner, nullptr);
  Rng rng(8);
  std::set<std::string> there;
  for (int i = 0; i < TrainedShop::kItems; ++i) {
    there.insert(TrainedShop::ItemId(i));
  }
  Answer(*owner, Retrieval("user1"));
  for (int round = 0; round < 12; ++round) {
    for (int write = 0; write < 20; ++write) {
      // Known ids and new ones, so that rows are replaced, too.
      const std::string id = TrainedShop::ItemId(
          static_cast<int>(rng.Below(TrainedShop::kItems * 8)));
      if (rng.Bernoulli(0.7)) {
        std::vector<v1::Item> items = {RandomItem(id, rng)};
        for (uint64_t more = rng.Below(30); more > 0; --more) {
          items.push_back(
              RandomItem("new" + std::to_string(rng.Below(900)), rng));
        }
        ASSERT_TRUE(owner->PutItems(items).ok());
        for (const v1::Item& item : items) there.insert(item.item_id());
      } else {
        ASSERT_TRUE(owner->DeleteItem(id).ok());
        there.erase(id);
      }
    }
    const auto fresh = OpenAt(path, EngineOptions::Mode::kFollower);
    ASSERT_NE(fresh, nullptr);
    for (const char* user : {"user1", "user2", "nobody"}) {
      v1::RankRequest request = Retrieval(user);
      request.mutable_policy()->set_include_unavailable(round % 2 == 0);
      if (round % 3 == 0) {
        request.mutable_policy()->add_require_categories("shelf 2");
      }
      EXPECT_EQ(Answer(*owner, request), Answer(*fresh, request))
          << "round " << round << ", " << user;
    }
  }
  v1::RankRequest all = Retrieval("user1");
  all.mutable_policy()->set_include_unavailable(true);
  std::set<std::string> answered;
  const auto response = owner->Rank(all);
  ASSERT_TRUE(response.ok());
  for (const v1::RankedItem& item : response->items()) {
    EXPECT_TRUE(there.contains(item.item_id())) << item.item_id();
    answered.insert(item.item_id());
  }
  EXPECT_EQ(answered.size(), std::min<size_t>(1000, there.size()));
  EXPECT_EQ(Builds(*owner), 1);
}

// Writers put and delete while readers ask. An item that was deleted before a
// request began is not in its answer; one that was put is.
TEST_F(CatalogueIndexTest, ReadersAndWritersAtTheSameTime) {
  const auto engine = OpenAt(CopyOfDatabase(), EngineOptions::Mode::kOwner);
  ASSERT_NE(engine, nullptr);
  constexpr int kIds = 40;
  // Grows before and behind each write: odd while one runs; 2, 6, … present.
  std::atomic<int> state[kIds] = {};
  const auto present = [](int value) { return value % 4 == 2; };
  std::atomic<bool> stop = false;
  std::atomic<int> asked = 0, settled = 0;
  // Begins before the first request: the index is built amid the writes.
  std::thread writer([&] {
    Rng rng(5);
    while (!stop) {
      const int i = static_cast<int>(rng.Below(kIds));
      const std::string id = "written" + std::to_string(i);
      const bool was_present = present(state[i]);
      ++state[i];
      if (was_present) {
        EXPECT_TRUE(engine->DeleteItem(id).ok());
      } else {
        EXPECT_TRUE(engine->PutItems(std::vector{RandomItem(id, rng)}).ok());
      }
      ++state[i];
    }
  });
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      v1::RankRequest request = Retrieval(TrainedShop::UserId(t));
      request.mutable_policy()->set_include_unavailable(true);
      for (int round = 0; round < 150; ++round) {
        int before[kIds];
        for (int i = 0; i < kIds; ++i) before[i] = state[i];
        const auto response = engine->Rank(request);
        ASSERT_TRUE(response.ok()) << response.status();
        std::set<std::string> answered;
        for (const v1::RankedItem& item : response->items()) {
          EXPECT_TRUE(answered.insert(item.item_id()).second) << "twice";
        }
        EXPECT_EQ(response->unknown_items(), 0u);
        for (int i = 0; i < kIds; ++i) {
          if (before[i] % 2 != 0 || state[i] != before[i]) continue;
          EXPECT_EQ(answered.contains("written" + std::to_string(i)),
                    present(before[i]));
          ++settled;
        }
        ++asked;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  stop = true;
  writer.join();
  EXPECT_EQ(asked, 450);
  EXPECT_GT(settled, 450);
  EXPECT_EQ(Builds(*engine), 1);
  // At rest, exactly.
  v1::RankRequest request = Retrieval("user1");
  request.mutable_policy()->set_include_unavailable(true);
  const auto response = engine->Rank(request);
  ASSERT_TRUE(response.ok());
  std::set<std::string> answered;
  for (const v1::RankedItem& item : response->items()) {
    answered.insert(item.item_id());
  }
  for (int i = 0; i < kIds; ++i) {
    EXPECT_EQ(answered.contains("written" + std::to_string(i)),
              present(state[i]))
        << i;
  }
}

TEST_F(CatalogueIndexTest, AFollowersRefreshBringsItUpToDate) {
  const std::string path = CopyOfDatabase();
  const auto owner = OpenAt(path, EngineOptions::Mode::kOwner);
  const auto follower = OpenAt(path, EngineOptions::Mode::kFollower);
  ASSERT_TRUE(owner != nullptr && follower != nullptr);
  Rng rng(6);
  Answer(*follower, Retrieval("user1"));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(owner
                    ->PutItems(std::vector{
                        RandomItem("new" + std::to_string(round), rng),
                        RandomItem(TrainedShop::ItemId(round), rng)})
                    .ok());
    ASSERT_TRUE(owner->DeleteItem(TrainedShop::ItemId(50 + round)).ok());
    ASSERT_TRUE(follower->Refresh().ok());
    EXPECT_EQ(Answer(*owner, Retrieval("user1")),
              Answer(*follower, Retrieval("user1")));
  }
}

// A model that takes over from one whose index was in use brings its own.
TEST_F(CatalogueIndexTest, APublishedModelComesWithItsIndex) {
  const auto engine = OpenAt(CopyOfDatabase(), EngineOptions::Mode::kOwner);
  ASSERT_NE(engine, nullptr);
  Answer(*engine, Retrieval("user1"));
  ASSERT_TRUE(engine->ReloadModel(shop()->model(1)).ok());
  EXPECT_EQ(Builds(*engine), 1) << "before any request";
  Answer(*engine, Retrieval("user1"));
  EXPECT_EQ(Builds(*engine), 1);
}

// The first request's deadline ends its waiting, not the build.
TEST_F(CatalogueIndexTest, ADeadlineEndsTheWaitingOnly) {
  const auto engine = OpenAt(CopyOfDatabase(), EngineOptions::Mode::kOwner);
  ASSERT_NE(engine, nullptr);
  Rng rng(7);
  std::vector<v1::Item> items;
  for (int i = 0; i < 30'000; ++i) {
    items.push_back(RandomItem("bulk" + std::to_string(i), rng));
  }
  ASSERT_TRUE(engine->PutItems(items).ok());
  v1::RankRequest request = Retrieval("user1");
  request.set_deadline_ms(20);
  const auto refused = engine->Rank(request);
  if (!refused.ok()) {  // else the machine built 30,000 rows in 20 ms
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kDeadlineExceeded)
        << refused.status();
  }
  const std::atomic<bool> stop = true;
  EXPECT_EQ(
      engine->Rank(Retrieval("user1"), {.cancelled = &stop}).status().code(),
      absl::StatusCode::kCancelled);
  Answer(*engine, Retrieval("user1"));
  EXPECT_EQ(Builds(*engine), 1);
}

TEST_F(CatalogueIndexTest, ClosingEndsABuild) {
  const auto engine = OpenAt(CopyOfDatabase(), EngineOptions::Mode::kOwner);
  ASSERT_NE(engine, nullptr);
  engine->PrepareClose();
  EXPECT_EQ(engine->Rank(Retrieval("user1")).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace attune
