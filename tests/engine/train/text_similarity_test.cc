#include "engine/train/text_similarity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace attune {
namespace {

Catalogue Texts(const std::vector<std::vector<int32_t>>& tokens) {
  std::vector<features::ItemFeatures> items(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) items[i].text_tokens = tokens[i];
  return Catalogue(std::move(items), std::vector<int32_t>(tokens.size(), -1));
}

TEST(TextSimilarityTest, IsTheCosineOfRareWords) {
  // Token 0 is in all items, 1 in two of four, 2 and 3 in one.
  const Catalogue catalogue = Texts({{0, 1}, {0, 1, 2}, {3, 0}, {0}});
  ThreadPool pool(2);
  const NeighbourTable table = TextCosines(catalogue, pool);
  ASSERT_EQ(table.rows(), 4);
  // idf: token 0 nothing, 1 log 2, 2 and 3 log 4 = 2 log 2.
  ASSERT_EQ(table.row(0).size(), 1u);
  EXPECT_EQ(table.row(0)[0].item, 1);
  EXPECT_NEAR(table.row(0)[0].weight, 1 / std::sqrt(5.0), 1e-6);
  ASSERT_EQ(table.row(1).size(), 1u);
  EXPECT_EQ(table.row(1)[0].item, 0);
  EXPECT_EQ(table.row(1)[0].weight, table.row(0)[0].weight);
  EXPECT_TRUE(table.row(2).empty());
  EXPECT_TRUE(table.row(3).empty());
}

TEST(TextSimilarityTest, KeepsTheMostSimilarOfALargeCatalogue) {
  // Two kinds of items; every item of a kind shares its word, and item 2i with
  // 2i + 2 a rare one besides.
  constexpr int kItems = 9000;
  std::vector<std::vector<int32_t>> tokens(kItems);
  for (int i = 0; i < kItems; ++i) {
    tokens[i].push_back(i % 2);
    if (i % 2 == 0) {
      tokens[i].push_back(2 + i);
      if (i > 0) tokens[i].push_back(i);
    }
  }
  const Catalogue catalogue = Texts(tokens);
  ThreadPool pool(2);
  const NeighbourTable table = TextCosines(catalogue, pool);
  EXPECT_EQ(table.row(7).size(), 200u);
  bool before = false, behind = false;
  for (const Neighbour& neighbour : table.row(4000)) {
    before = before || neighbour.item == 3998;
    behind = behind || neighbour.item == 4002;
  }
  EXPECT_TRUE(before && behind);
}

}  // namespace
}  // namespace attune
