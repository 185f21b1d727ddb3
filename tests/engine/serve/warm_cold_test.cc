// A warm score equals a cold score, whatever happened in between.
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

class WarmColdTest : public ShopTest {
 protected:
  static std::vector<float> Scores(Engine& engine, const std::string& user,
                                   const std::vector<std::string>& ids,
                                   int64_t now_ms, bool without_state) {
    std::vector<std::string_view> views(ids.begin(), ids.end());
    std::vector<float> scores(ids.size());
    RankIdsOptions options;
    options.now_ms = now_ms;
    options.without_state = without_state;
    const absl::Status status = engine.RankIds(user, views, scores, options);
    EXPECT_TRUE(status.ok()) << status;
    return scores;
  }

  /// Random events (late ones too), deletions, evictions (the state cache holds
  /// a few users only), reloads, rollbacks and requests. Returns the largest
  /// difference between a warm and a cold score.
  static double Interleave(const std::string& precision, int operations,
                           uint64_t seed) {
    // What the models leave of the limit holds the states of a few users only.
    auto opened = shop()->Open(precision, size_t{8} << 20);
    EXPECT_TRUE(opened.ok()) << opened.status();
    Engine& engine = **opened;
    Rng rng(seed);
    double worst = 0;
    int64_t now = TrainedShop::kNowMs;
    int warm_requests = 0;
    const int users = 8;
    for (int i = 0; i < operations; ++i) {
      const std::string user =
          TrainedShop::UserId(static_cast<int>(rng.Below(users)));
      const std::string item =
          TrainedShop::ItemId(static_cast<int>(rng.Below(TrainedShop::kItems)));
      const uint64_t what = rng.Below(1000);
      now += 1000 + static_cast<int64_t>(rng.Below(100000));
      absl::Status status;
      if (what < 300) {
        const v1::Event event = TrainedShop::Click(user, item, now);
        status = engine.PutEvents({&event, 1});
      } else if (what < 330) {
        const v1::Event late = TrainedShop::Click(
            user, item, now - static_cast<int64_t>(rng.Below(40'000'000)));
        status = engine.PutEvents({&late, 1});
      } else if (what < 345) {
        status = engine.DeleteUserEvents(user, item);
      } else if (what < 350) {
        status = engine.DeleteUserEvents(user);
      } else if (what < 353) {
        status = engine.ReloadModel(shop()->model(i % 2));
      } else if (what < 355) {
        status = engine.RollbackModel();
        if (absl::IsFailedPrecondition(status)) status = absl::OkStatus();
      } else if (what < 400) {
        status = engine.PrefetchUser(user);
      } else {
        std::vector<std::string> ids;
        for (int c = 0; c < 5; ++c) {
          ids.push_back(TrainedShop::ItemId(
              static_cast<int>(rng.Below(TrainedShop::kItems))));
        }
        const std::vector<float> warm = Scores(engine, user, ids, now, false);
        const std::vector<float> cold = Scores(engine, user, ids, now, true);
        for (size_t c = 0; c < ids.size(); ++c) {
          const double difference = std::abs(warm[c] - cold[c]);
          // Not a number, or worse than all before.
          if (!(difference <= worst)) worst = difference;
        }
        ++warm_requests;
      }
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
    }
    EXPECT_GT(warm_requests, operations / 3);
    // The test means nothing unless states were kept, used and evicted.
    const auto stats =
        nlohmann::json::parse(engine.Stats(Engine::StatsFormat::kJson));
    EXPECT_GT(stats["requests"]["warm"]["count"].get<int>(), operations / 20);
    EXPECT_GT(stats["user_states"]["evictions"].get<int>(), operations / 100);
    return worst;
  }
};

TEST_F(WarmColdTest, TenThousandInterleavingsF32) {
  EXPECT_LE(Interleave("f32", 10000, 1), 1e-5);
}

// bf16 rounds the products' operands to 8 bits, the same ones on both ways, so
// that only a changed last bit of an f32 sum before the rounding can show: one
// bf16 step (2^-8) of one operand, seen in a score of some units.
TEST_F(WarmColdTest, InterleavingsBf16) {
  EXPECT_LE(Interleave("bf16", 2000, 2), 0.05);
}

TEST_F(WarmColdTest, AScoreDoesNotDependOnTheCompany) {
  auto engine = shop()->Open();
  ASSERT_TRUE(engine.ok()) << engine.status();
  std::vector<std::string> all;
  for (int i = 0; i < TrainedShop::kItems; ++i) {
    all.push_back(TrainedShop::ItemId(i));
  }
  const int64_t now = TrainedShop::kNowMs;
  const std::vector<float> together =
      Scores(**engine, TrainedShop::UserId(3), all, now, true);
  Rng rng(5);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<std::string> some = all;
    for (size_t i = some.size(); i > 1; --i) {
      std::swap(some[i - 1], some[rng.Below(i)]);
    }
    some.resize(1 + rng.Below(some.size()));
    const std::vector<float> alone =
        Scores(**engine, TrainedShop::UserId(3), some, now, true);
    for (size_t i = 0; i < some.size(); ++i) {
      const int index = std::stoi(some[i].substr(4));
      ASSERT_EQ(alone[i], together[index])
          << some[i] << " among " << some.size();
    }
  }
}

TEST_F(WarmColdTest, UnknownUsersAndItemsAreServed) {
  auto engine = shop()->Open();
  ASSERT_TRUE(engine.ok()) << engine.status();
  const std::vector<float> scores =
      Scores(**engine, "nobody", {"item1", "no such item", "item2"},
             TrainedShop::kNowMs, false);
  for (float score : scores) EXPECT_TRUE(std::isfinite(score));
  EXPECT_LT(scores[1], scores[0]);
  EXPECT_LT(scores[1], scores[2]);
}

}  // namespace
}  // namespace attune
