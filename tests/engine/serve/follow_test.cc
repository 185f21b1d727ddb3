// A follower serves beside an owner of another process, who is killed.
#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/engine/serve/follow_shop.h"
#include "tests/engine/serve/shop_test.h"
#include "tests/piped_process.h"

namespace attune {
namespace {

using std::chrono::steady_clock;

class FollowTest : public ShopTest {
 protected:
  static std::unique_ptr<Engine> Follow(
      const std::string& database,
      int64_t refresh_ms = EngineOptions::kRefreshMs) {
    EngineOptions options;
    options.database_path = database;
    options.mode = EngineOptions::Mode::kFollower;
    options.memory_limit_bytes = size_t{256} << 20;
    options.refresh_ms = refresh_ms;
    return Open(std::move(options));
  }

  static v1::RankRequest RequestOf(const std::string& user) {
    v1::RankRequest request = Request(user, 0, TrainedShop::kItems);
    request.mutable_policy()->set_exclude_seen(true);
    return request;
  }

  /// Of one request: how many of the candidates the user has seen, which is
  /// all that the writer wrote of him. -1 where the request failed.
  static int Seen(Engine& engine, const std::string& user) {
    const auto response = engine.Rank(RequestOf(user));
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return -1;
    const int seen = static_cast<int>(response->filtered().seen());
    EXPECT_EQ(seen + response->items_size(), TrainedShop::kItems);
    return seen;
  }

  /// Requests until the follower has seen `batch`, whole batches only, which
  /// never become fewer. False after half a minute.
  static ::testing::AssertionResult WaitFor(Engine& engine, int batch) {
    const std::string user = FollowShop::UserOf(batch);
    const auto deadline = steady_clock::now() + std::chrono::seconds(30);
    int before = 0;
    while (steady_clock::now() < deadline) {
      const int seen = Seen(engine, user);
      if (seen < before || seen % 2 != 0) {
        return ::testing::AssertionFailure()
               << user << " has seen " << seen << " items after " << before;
      }
      if (seen >= FollowShop::SeenAt(batch)) {
        return ::testing::AssertionSuccess();
      }
      before = seen;
    }
    return ::testing::AssertionFailure() << "batch " << batch << " not seen";
  }

  /// -1 where the child said something else, or nothing.
  static int ReadNumber(PipedProcess& child) {
    const std::string line = child.ReadLine();
    int number = -1;
    std::from_chars(line.data(), line.data() + line.size(), number);
    EXPECT_GE(number, 0) << line;
    return number;
  }
};

TEST_F(FollowTest, SeesWholeBatchesWhileTheOwnerWritesAndIsKilled) {
  const std::string database = CopyOfDatabase();
  const std::unique_ptr<Engine> follower = Follow(database);
  ASSERT_NE(follower, nullptr);
  int last = -1;
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    PipedProcess owner(ATTUNE_SERVE_CHILD, {database});
    for (int look = 0; look < 5; ++look) {
      for (int line = 0; line < 7; ++line) last = ReadNumber(owner);
      ASSERT_GE(last, 0);
      ASSERT_TRUE(WaitFor(*follower, last));
    }
    owner.Kill();  // in the middle of whatever it does
    // What was acknowledged by then is there, and the follower answers on.
    while (true) {
      const std::string line = owner.ReadLine();
      if (line.empty()) break;
      last = std::stoi(line);
    }
    ASSERT_TRUE(WaitFor(*follower, last));
  }
  // The next owner goes on where the dead one ended.
  EngineOptions options;
  options.database_path = database;
  const std::unique_ptr<Engine> owner = Open(std::move(options));
  ASSERT_NE(owner, nullptr);
  const std::string user = FollowShop::UserOf(last);
  EXPECT_EQ(Seen(*owner, user) % 2, 0);
  const v1::Event event =
      TrainedShop::Click(user, TrainedShop::ItemId(TrainedShop::kItems - 1),
                         TrainedShop::kNowMs + 1'000'000);
  ASSERT_TRUE(owner->PutEvents({&event, 1}).ok());
  ASSERT_TRUE(follower->Refresh().ok());
  const int seen = Seen(*owner, user);
  EXPECT_EQ(seen % 2, 1);
  EXPECT_EQ(Seen(*follower, user), seen);
  // Kept states that were brought up to date piece by piece rank as fresh ones.
  const auto warm = follower->Rank(RequestOf(user));
  const auto fresh = Follow(database)->Rank(RequestOf(user));
  ASSERT_TRUE(warm.ok() && fresh.ok());
  ASSERT_EQ(warm->items_size(), fresh->items_size());
  for (int i = 0; i < warm->items_size(); ++i) {
    EXPECT_NEAR(warm->items(i).score(), fresh->items(i).score(), 1e-4);
  }
}

TEST_F(FollowTest, EveryRequestLooksWhereRefreshIsZero) {
  const std::string database = CopyOfDatabase();
  EngineOptions options;
  options.database_path = database;
  const std::unique_ptr<Engine> owner = Open(std::move(options));
  ASSERT_NE(owner, nullptr);
  const std::unique_ptr<Engine> at_once = Follow(database, 0);
  const std::unique_ptr<Engine> never = Follow(database, 3'600'000);
  ASSERT_NE(at_once, nullptr);
  ASSERT_NE(never, nullptr);
  for (int batch = 0; batch < 10; ++batch) {
    ASSERT_TRUE(owner->PutEvents(FollowShop::Batch(batch)).ok());
    EXPECT_EQ(Seen(*at_once, FollowShop::UserOf(batch)),
              FollowShop::SeenAt(batch));
    EXPECT_EQ(Seen(*never, FollowShop::UserOf(batch)), 0);
  }
  ASSERT_TRUE(never->Refresh().ok());
  EXPECT_EQ(Seen(*never, FollowShop::UserOf(9)), FollowShop::SeenAt(9));
}

}  // namespace
}  // namespace attune
