#include "engine/rank/state_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

struct State {
  size_t bytes;
  int64_t value = 0;
};
using Cache = StateCache<State>;

// What an entry of a one-letter model and user costs beside its value.
constexpr size_t kOverhead = kStateCacheEntryOverheadBytes + 2;

std::shared_ptr<const State> Make(size_t bytes, int64_t value = 0) {
  return std::make_shared<const State>(State{bytes, value});
}

size_t BytesOf(const State& state) { return state.bytes; }

TEST(StateCacheTest, FindsByModelAndUser) {
  Cache cache(1 << 20, BytesOf);
  EXPECT_EQ(cache.Get("m", "a"), nullptr);
  EXPECT_TRUE(cache.Put("m", "a", Make(100, 1)));
  EXPECT_TRUE(cache.Put("n", "a", Make(200, 2)));
  EXPECT_TRUE(cache.Put("m", "b", Make(300, 3)));
  ASSERT_NE(cache.Get("m", "a"), nullptr);
  EXPECT_EQ(cache.Get("m", "a")->value, 1);
  EXPECT_EQ(cache.Get("n", "a")->value, 2);
  EXPECT_EQ(cache.Get("n", "b"), nullptr);
  const StateCacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits, 3);
  EXPECT_EQ(stats.misses, 2);
  EXPECT_EQ(stats.insertions, 3);
  EXPECT_EQ(stats.entries, 3);
  EXPECT_EQ(stats.bytes, static_cast<int64_t>(600 + 3 * kOverhead));
}

TEST(StateCacheTest, ASmallerLimitEvictsTheOldest) {
  Cache cache(10 * (100 + kOverhead), BytesOf);
  for (int i = 0; i < 10; ++i) {
    cache.Put("m", std::string(1, static_cast<char>('a' + i)), Make(100, i));
  }
  EXPECT_EQ(cache.stats().entries, 10);
  cache.SetLimit(3 * (100 + kOverhead));
  EXPECT_EQ(cache.limit_bytes(), 3 * (100 + kOverhead));
  EXPECT_EQ(cache.stats().entries, 3);
  EXPECT_EQ(cache.Get("m", "g"), nullptr);
  EXPECT_NE(cache.Get("m", "h"), nullptr);
  EXPECT_NE(cache.Get("m", "j"), nullptr);
  EXPECT_FALSE(cache.Put("m", "x", Make(4 * (100 + kOverhead))));
  cache.SetLimit(10 * (100 + kOverhead));
  EXPECT_TRUE(cache.Put("m", "y", Make(4 * (100 + kOverhead))));
}

TEST(StateCacheTest, ReplacingAccountsForTheNewSizeOnly) {
  Cache cache(1000 + kOverhead, BytesOf);
  cache.Put("m", "a", Make(800, 1));
  EXPECT_TRUE(cache.Put("m", "a", Make(1000, 2)))
      << "the old one makes room for the new one";
  EXPECT_EQ(cache.Get("m", "a")->value, 2);
  EXPECT_EQ(cache.stats().bytes, static_cast<int64_t>(1000 + kOverhead));
  EXPECT_EQ(cache.stats().entries, 1);
  EXPECT_EQ(cache.stats().evictions, 0);
  cache.Put("m", "a", Make(10, 3));
  EXPECT_EQ(cache.stats().bytes, static_cast<int64_t>(10 + kOverhead));
}

TEST(StateCacheTest, EvictsTheLeastRecentlyUsedOfAllShards) {
  Cache cache(10 * (100 + kOverhead), BytesOf);
  const std::string users = "abcdefghij";
  for (size_t i = 0; i < users.size(); ++i) {
    cache.Put("m", users.substr(i, 1), Make(100, static_cast<int64_t>(i)));
  }
  EXPECT_EQ(cache.stats().evictions, 0);
  cache.Get("m", "a");
  cache.Put("m", "k", Make(100));
  cache.Put("m", "l", Make(100 + 100 + kOverhead));  // takes two places
  for (const char user : users + "kl") {
    const bool out = user == 'b' || user == 'c' || user == 'd';
    EXPECT_EQ(cache.Get("m", std::string(1, user)) == nullptr, out) << user;
  }
  EXPECT_EQ(cache.stats().evictions, 3);
  EXPECT_EQ(cache.stats().bytes, static_cast<int64_t>(cache.limit_bytes()));
}

TEST(StateCacheTest, RefusesWhatCanNeverFit) {
  Cache cache(1000, BytesOf);
  cache.Put("m", "a", Make(100));
  cache.Put("m", "b", Make(100));
  EXPECT_FALSE(cache.Put("m", "a", Make(1000)));
  EXPECT_EQ(cache.Get("m", "a"), nullptr) << "the older state is gone";
  EXPECT_NE(cache.Get("m", "b"), nullptr) << "nobody else was thrown out";
  EXPECT_EQ(cache.stats().rejections, 1);
  Cache none(0, BytesOf);
  EXPECT_FALSE(none.Put("m", "a", Make(0)));
}

TEST(StateCacheTest, ErasesUsersAndModels) {
  Cache cache(1 << 20, BytesOf, 4);
  for (const char* model : {"m", "n", "o"}) {
    for (const char* user : {"a", "b", "c"}) cache.Put(model, user, Make(10));
  }
  EXPECT_TRUE(cache.Erase("n", "a"));
  EXPECT_FALSE(cache.Erase("n", "a"));
  EXPECT_EQ(cache.Erase("a"), 2);
  EXPECT_EQ(cache.Erase("a"), 0);
  EXPECT_EQ(cache.Clear("m"), 2);
  EXPECT_EQ(cache.Clear("m"), 0);
  EXPECT_EQ(cache.stats().entries, 4);
  EXPECT_EQ(cache.stats().bytes, static_cast<int64_t>(4 * (10 + kOverhead)));
  EXPECT_NE(cache.Get("n", "b"), nullptr);
  EXPECT_EQ(cache.stats().evictions, 0);
  cache.SetLimit(0);
  EXPECT_EQ(cache.stats().evictions, 4);
  EXPECT_EQ(cache.stats().bytes, 0);
  EXPECT_EQ(cache.stats().entries, 0);
}

TEST(StateCacheTest, ErasesEachPlaceOfAUsersChain) {
  for (const char* first : {"m", "n", "o"}) {
    Cache cache(1 << 20, BytesOf);
    for (const char* model : {"m", "n", "o"}) cache.Put(model, "u", Make(10));
    EXPECT_TRUE(cache.Erase(first, "u"));
    for (const char* model : {"m", "n", "o"}) {
      EXPECT_EQ(cache.Get(model, "u") != nullptr,
                std::string_view(model) != first);
    }
    EXPECT_EQ(cache.Erase("u"), 2);
  }
}

TEST(StateCacheTest, AStateOutlivesItsEviction) {
  Cache cache(100 + kOverhead, BytesOf);
  cache.Put("m", "a", Make(100, 42));
  const std::shared_ptr<const State> held = cache.Get("m", "a");
  cache.Put("m", "b", Make(100));
  EXPECT_EQ(cache.Get("m", "a"), nullptr);
  EXPECT_EQ(held->value, 42);
}

TEST(StateCacheTest, KeepsItsBooksUnderFourThreads) {
  constexpr size_t kLimit = 40 * (500 + kOverhead);
  Cache cache(kLimit, BytesOf, 4);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Rng rng(static_cast<uint64_t>(t));
      for (int i = 0; i < 6000; ++i) {
        const int64_t id = static_cast<int64_t>(rng.Below(100));
        const std::string user = std::to_string(id);
        const std::string_view model = rng.Bernoulli(0.5) ? "m" : "n";
        const uint64_t dice = rng.Below(100);
        if (dice < 50) {
          const auto state = cache.Get(model, user);
          if (state != nullptr) {
            EXPECT_EQ(state->value, id);
          }
        } else if (dice < 95) {
          cache.Put(model, user, Make(rng.Below(1000), id));
        } else if (dice < 98) {
          cache.Erase(user);
        } else {
          cache.Clear(model);
        }
        const int64_t bytes = cache.stats().bytes;
        if (bytes < 0 || bytes > static_cast<int64_t>(kLimit)) over = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
  EXPECT_GT(cache.stats().evictions, 0);
  EXPECT_GT(cache.stats().hits, 0);
  // The books agree with what can still be found.
  int64_t found = 0;
  int64_t bytes = 0;
  for (int id = 0; id < 100; ++id) {
    for (const char* model : {"m", "n"}) {
      const std::string user = std::to_string(id);
      const auto state = cache.Get(model, user);
      if (state == nullptr) continue;
      ++found;
      bytes += static_cast<int64_t>(state->bytes + 1 + user.size() +
                                    kStateCacheEntryOverheadBytes);
    }
  }
  EXPECT_EQ(cache.stats().entries, found);
  EXPECT_EQ(cache.stats().bytes, bytes);
  cache.SetLimit(0);
  EXPECT_EQ(cache.stats().bytes, 0);
}

}  // namespace
}  // namespace attune
