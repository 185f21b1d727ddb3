#include "engine/train/item_knn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "tests/engine/train/item_lists.h"

namespace attune {
namespace {

std::map<std::pair<int, int>, float> Entries(const NeighbourTable& table) {
  std::map<std::pair<int, int>, float> entries;
  for (int32_t i = 0; i < table.rows(); ++i) {
    for (const Neighbour& n : table.row(i)) entries[{i, n.item}] = n.weight;
  }
  return entries;
}

TEST(ItemSimilaritiesTest, CosineWithShrink) {
  ThreadPool pool(1);
  const ItemSimilarities similarities(Lists({{0, 1}, {0, 1, 2}, {0}}), 4,
                                      1 << 20, pool);
  const auto entries = Entries(similarities.Neighbourhoods(0, 20, pool));
  EXPECT_EQ(entries.size(), 6u);
  EXPECT_NEAR(entries.at({0, 1}), 2 / (std::sqrt(6.0) + 20), 1e-7);
  EXPECT_NEAR(entries.at({2, 0}), 1 / (std::sqrt(3.0) + 20), 1e-7);
}

TEST(ItemSimilaritiesTest, KeepsEachCandidatesNeighboursWithTies) {
  // Item 0: most similar to 1 (2 of 3 users), then 2 and 3 alike.
  ThreadPool pool(2);
  const ItemSimilarities similarities(Lists({{0, 1}, {0, 1}, {0, 2}, {0, 3}}),
                                      4, 1 << 20, pool);
  const auto one = Entries(similarities.Neighbourhoods(1, 0, pool));
  // Row p lists the candidates that p adds to: every item but 0 has only 0.
  EXPECT_TRUE(one.contains({1, 0}));
  EXPECT_FALSE(one.contains({2, 0}));
  EXPECT_TRUE(one.contains({0, 1}) && one.contains({0, 2}));
  const auto two = Entries(similarities.Neighbourhoods(2, 0, pool));
  EXPECT_TRUE(two.contains({2, 0}) && two.contains({3, 0}));
}

TEST(ItemSimilaritiesTest, LimitsRowsOfLargeCatalogues) {
  // Item 0 meets 300 others, the first 250 of them twice as often.
  std::vector<std::vector<int32_t>> users;
  for (int32_t i = 1; i <= 300; ++i) {
    users.push_back({0, i});
    if (i <= 250) users.push_back({0, i});
  }
  ThreadPool pool(2);
  const ItemSimilarities limited(Lists(users), 301, /*max_pairs=*/1, pool);
  const NeighbourTable table = limited.Neighbourhoods(0, 0, pool);
  // Candidate 0 keeps 200 neighbours and their ties; every other keeps 0.
  EXPECT_EQ(table.row(250).size(), 1u);
  EXPECT_EQ(table.row(251).size(), 0u);
  EXPECT_EQ(table.row(0).size(), 300u);
}

TEST(ItemSimilaritiesTest, SameForAnyNumberOfThreads) {
  Rng rng(9);
  std::vector<std::vector<int32_t>> users(300);
  for (auto& user : users) {
    for (int32_t i = 0; i < 400; ++i) {
      if (rng.Bernoulli(0.03)) user.push_back(i);
    }
  }
  ThreadPool one(1), four(4);
  const ItemLists lists = Lists(users);
  const auto a =
      ItemSimilarities(lists, 400, 1 << 20, one).Neighbourhoods(10, 5, one);
  const auto b =
      ItemSimilarities(lists, 400, 1 << 20, four).Neighbourhoods(10, 5, four);
  EXPECT_FALSE(a.entries().empty());
  EXPECT_EQ(a, b);
}

TEST(ProfileScorerTest, WeighsByAge) {
  // The same four entries among 4 items (dense) and among 40 (sparse).
  for (const int items : {4, 40}) {
    std::vector<int64_t> offsets(items + 1, 4);
    offsets[0] = 0, offsets[1] = 2, offsets[2] = 3, offsets[3] = 3;
    const NeighbourTable table(offsets,
                               {{2, 0.5f}, {3, 0.25f}, {2, 1.0f}, {0, 8.0f}});
    const std::vector<float> half_lives = {0, 1, 2};
    const ProfileScorer scorer(table, half_lives);
    std::vector<float> scores(3 * items), scratch;
    scorer.Score(std::vector<int32_t>{0, 3, 1}, scores, &scratch);
    EXPECT_FLOAT_EQ(scores[0 * items + 2], 1.5);
    EXPECT_FLOAT_EQ(scores[0 * items + 3], 0.25);
    EXPECT_FLOAT_EQ(scores[1 * items + 2], 0.5 * 0.25 + 1);
    EXPECT_FLOAT_EQ(scores[2 * items + 2], 0.5 * 0.5 + 1);
    EXPECT_FLOAT_EQ(scores[2 * items + 0], 8 * std::exp2(-0.5f));
    EXPECT_EQ(scores[2 * items + 1], 0);
    scorer.Score({}, scores, &scratch);
    EXPECT_EQ(scores, std::vector<float>(3 * items, 0.0f));
  }
}

}  // namespace
}  // namespace attune
