#include "engine/rank/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

std::vector<int32_t> Best(const std::vector<double>& scores,
                          const std::vector<std::string_view>& ids, size_t k) {
  std::vector<int32_t> best(k, -1);
  best.resize(TopK(scores, ids, best));
  return best;
}

TEST(TopKTest, OrdersByScoreThenByItemId) {
  const std::vector<double> scores = {1, 3, 3, -0.0, 0.0, 2};
  const std::vector<std::string_view> ids = {"a", "z", "b", "q", "p", "c"};
  EXPECT_EQ(Best(scores, ids, 6), (std::vector<int32_t>{2, 1, 5, 0, 4, 3}));
  EXPECT_EQ(Best(scores, ids, 1), (std::vector<int32_t>{2}));
  EXPECT_EQ(Best(scores, ids, 0), (std::vector<int32_t>{}));
  EXPECT_EQ(Best({}, {}, 3), (std::vector<int32_t>{}));
}

TEST(TopKTest, LeavesOutWhatIsNotANumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> scores = {nan, 1, nan, inf, -inf};
  const std::vector<std::string_view> ids = {"a", "b", "c", "d", "e"};
  EXPECT_EQ(Best(scores, ids, 5), (std::vector<int32_t>{3, 1, 4}));
  EXPECT_EQ(Best({nan, nan}, {"a", "b"}, 2), (std::vector<int32_t>{}));
}

TEST(TopKTest, SameIdKeepsTheOrderOfTheRequest) {
  const std::vector<double> scores(9, 1.0);
  const std::vector<std::string_view> ids(9, "a");
  EXPECT_EQ(Best(scores, ids, 4), (std::vector<int32_t>{0, 1, 2, 3}));
}

TEST(TopKTest, EqualsAFullSortForEveryK) {
  Rng rng(3);
  for (int round = 0; round < 200; ++round) {
    const int count = static_cast<int>(rng.Below(40));
    std::vector<double> scores;
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) {
      // Few different values, so that ties are the rule.
      scores.push_back(rng.Bernoulli(0.1) ? std::nan("")
                                          : static_cast<double>(rng.Below(5)));
      names.push_back(std::to_string(rng.Below(30)));
    }
    const std::vector<std::string_view> ids(names.begin(), names.end());
    std::vector<int32_t> expected;
    for (int i = 0; i < count; ++i) {
      if (!std::isnan(scores[i])) expected.push_back(i);
    }
    std::stable_sort(expected.begin(), expected.end(), [&](int a, int b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : ids[a] < ids[b];
    });
    const std::vector<float> floats(scores.begin(), scores.end());
    for (size_t k = 0; k <= scores.size() + 2; ++k) {
      const std::vector<int32_t> wanted(
          expected.begin(), expected.begin() + std::min(k, expected.size()));
      ASSERT_EQ(Best(scores, ids, k), wanted);
      std::vector<int32_t> best(k);
      best.resize(TopK(
          floats, [&](int32_t a, int32_t b) { return ids[a] < ids[b]; }, best));
      ASSERT_EQ(best, wanted);
    }
  }
}

}  // namespace
}  // namespace attune
