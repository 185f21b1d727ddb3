#include "features/history_profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/rng.h"

namespace attune::features {
namespace {

ItemFeatures ItemWith(uint64_t id, const std::vector<uint64_t>& hashes) {
  ItemFeatures item;
  item.item_key = id;
  for (const uint64_t hash : hashes) {
    item.attribute_keys.push_back(MakeAttributeKey(0, hash << 8));
    item.attribute_idf.push_back(16);
  }
  return item;
}

bool FindMatch(const HistoryProfile& profile, uint64_t key,
               AttributeMatch* match) {
  uint32_t place = 0;
  uint8_t found = 2;
  profile.FindMatches({&key, 1}, &place, match, &found);
  EXPECT_LE(found, 1);
  return found != 0;
}

TEST(HistoryProfileTest, AgreesWithTheDefinition) {
  Rng rng(1);
  constexpr int kEvents = 300;
  std::vector<ItemFeatures> items;
  std::vector<float> weights;
  for (int i = 0; i < kEvents; ++i) {
    std::vector<uint64_t> hashes;
    for (uint64_t h = 1; h <= 20; ++h) {
      if (rng.Bernoulli(1.0 / static_cast<double>(h))) hashes.push_back(h);
    }
    items.push_back(ItemWith(rng.Below(50), hashes));
    weights.push_back(static_cast<float>(1 + rng.Below(3)));
  }
  HistoryProfile profile;
  for (int i = 0; i < kEvents; ++i) {
    profile.Add(items[i], weights[i], int64_t{1000} * i, true);
  }
  EXPECT_EQ(profile.size(), kEvents);
  EXPECT_EQ(profile.last_time_ms(), 1000 * (kEvents - 1));
  for (uint64_t h = 1; h <= 20; ++h) {
    double short_weight = 0, long_weight = 0, total = 0;
    int count = 0, last = -1;
    for (int i = 0; i < kEvents; ++i) {
      const double age = kEvents - 1 - i;
      total += weights[i] * std::exp2(-age / 25);
      for (const uint64_t key : items[i].attribute_keys) {
        if (key != MakeAttributeKey(0, h << 8)) continue;
        short_weight += weights[i] * std::exp2(-age / 5);
        long_weight += weights[i] * std::exp2(-age / 25);
        ++count;
        last = i;
      }
    }
    const auto* stat = profile.FindAttribute(MakeAttributeKey(0, h << 8));
    if (count == 0) {
      EXPECT_EQ(stat, nullptr);
      continue;
    }
    ASSERT_NE(stat, nullptr);
    const int age = kEvents - 1 - last;
    EXPECT_EQ(stat->count, count);
    EXPECT_EQ(stat->last_position, last);
    EXPECT_NEAR(stat->short_weight * HistoryProfile::ShortDecay(age),
                short_weight, 1e-4 * (1 + short_weight));
    EXPECT_NEAR(stat->long_weight * HistoryProfile::LongDecay(age), long_weight,
                1e-4 * (1 + long_weight));
    EXPECT_NEAR(profile.long_total(), total, 1e-3);
  }
}

TEST(HistoryProfileTest, FinishedGivesTheSameMatchesUntilTheNextEvent) {
  Rng rng(3);
  HistoryProfile profile;
  const auto add = [&](float weight) {
    std::vector<uint64_t> hashes;
    for (int i = 0; i < 20; ++i) hashes.push_back(rng.Next() >> 50);
    profile.Add(ItemWith(rng.Below(50), hashes), weight, 0, false);
  };
  // Weights of 0 alone, then others: some keys share bits and places.
  for (int event = 0; event < 600; ++event) {
    add(event < 3 ? 0.0f : static_cast<float>(1 + rng.Below(3)));
    if (event > 5 && event % 97 != 0) continue;
    HistoryProfile finished = profile;
    finished.Finish();
    finished.Prefetch();
    int found = 0;
    for (uint64_t hash = 0; hash < (1 << 14); ++hash) {
      const uint64_t key = MakeAttributeKey(0, hash << 8);
      AttributeMatch plain, looked_up;
      const bool known = FindMatch(profile, key, &plain);
      ASSERT_EQ(known, profile.FindAttribute(key) != nullptr);
      ASSERT_EQ(FindMatch(finished, key, &looked_up), known) << key;
      if (!known) continue;
      ++found;
      ASSERT_EQ(plain.short_share, looked_up.short_share) << key;
      ASSERT_EQ(plain.long_share, looked_up.long_share) << key;
      ASSERT_EQ(plain.age, looked_up.age) << key;
      ASSERT_EQ(plain.series_number, looked_up.series_number) << key;
    }
    EXPECT_GT(found, 10);
    // Another event, or none at all: no longer what it was.
    const uint64_t fresh = MakeAttributeKey(0, uint64_t{1} << 40);
    AttributeMatch match;
    EXPECT_FALSE(FindMatch(finished, fresh, &match));
    finished.Add(ItemWith(1, {uint64_t{1} << 32}), 1.0f, 0, false);
    EXPECT_TRUE(FindMatch(finished, fresh, &match));
    EXPECT_EQ(match.age, 0);
    finished.Finish();
    finished.Clear();
    EXPECT_FALSE(FindMatch(finished, fresh, &match));
  }
}

TEST(HistoryProfileTest, ClearLeavesNothingBehind) {
  HistoryProfile used, fresh;
  for (int round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 500; ++i) {
      ItemFeatures item = ItemWith(i, {i, i + 1});
      item.numeric = {1.0f, 0.0f};
      used.Add(item, 2.0f, 5, true);
    }
    used.set_history_count(1000);
    used.Clear();
    EXPECT_EQ(used.size(), 0);
    EXPECT_EQ(used.history_count(), 0);
    EXPECT_FALSE(used.has_last_time());
    EXPECT_FALSE(used.Seen(3));
    EXPECT_EQ(used.FindAttribute(MakeAttributeKey(0, 3 << 8)), nullptr);
  }
  // Bits equal those of a new one.
  for (HistoryProfile* profile : {&used, &fresh}) {
    for (uint64_t i = 0; i < 40; ++i) {
      ItemFeatures item = ItemWith(i % 7, {i % 5});
      item.numeric = {static_cast<float>(i), 0.0f};
      profile->Add(item, 1.0f, 0, false);
    }
  }
  const uint64_t key = MakeAttributeKey(0, 3 << 8);
  EXPECT_EQ(used.FindAttribute(key)->long_weight,
            fresh.FindAttribute(key)->long_weight);
  EXPECT_EQ(used.numeric_sums(), fresh.numeric_sums());
  EXPECT_EQ(used.FindItem(3)->count, fresh.FindItem(3)->count);
}

TEST(HistoryProfileTest, ItemsWithoutARecordAreSeen) {
  HistoryProfile profile;
  ItemFeatures unknown;
  unknown.item_key = 42;
  profile.Add(unknown, 1.0f, 0, false);
  EXPECT_TRUE(profile.Seen(42));
  EXPECT_FALSE(profile.Seen(0));
  EXPECT_FALSE(profile.has_last_time());
  EXPECT_EQ(profile.history_count(), 1);
  profile.set_history_count(77);
  EXPECT_EQ(profile.history_count(), 77);
}

TEST(KeyTableTest, AgreesWithAMap) {
  KeyTable<int> table;
  Rng rng(9);
  for (int round = 0; round < 5; ++round) {
    std::map<uint64_t, int> truth;
    for (int i = 0; i < 3000; ++i) {
      // Few different homes, so that probes are long.
      const uint64_t key = rng.Below(64) << 8 | rng.Below(40);
      table.FindOrInsert(key) += i;
      truth[key] += i;
    }
    EXPECT_EQ(table.size(), truth.size());
    for (const auto& [key, value] : truth) {
      ASSERT_NE(table.Find(key), nullptr);
      EXPECT_EQ(*table.Find(key), value);
    }
    EXPECT_EQ(table.Find(~uint64_t{0}), nullptr);
    table.Clear();
  }
}

}  // namespace
}  // namespace attune::features
