#include "engine/rank/diversity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class DiversityTest : public ::testing::Test {
 protected:
  std::vector<int32_t> Diversify(double diversity, int64_t k,
                                 const std::vector<double>& scores,
                                 const std::vector<float>& vectors,
                                 std::vector<int32_t> order) {
    const int64_t count = static_cast<int64_t>(scores.size());
    const int64_t width = static_cast<int64_t>(vectors.size()) / count;
    const size_t used = workspace_.used_bytes();
    DiversifyByMmr(diversity, k, scores,
                   ConstMatrixView(vectors.data(), {count, width}), workspace_,
                   order);
    EXPECT_EQ(workspace_.used_bytes(), used);
    return order;
  }

  Workspace workspace_;
};

// The definition, in double and without any cleverness.
std::vector<int32_t> MmrByDefinition(double diversity, int64_t k,
                                     const std::vector<double>& scores,
                                     const std::vector<float>& vectors,
                                     const std::vector<int32_t>& order) {
  const size_t width = vectors.size() / scores.size();
  const auto cosine = [&](int32_t a, int32_t b) {
    double dot = 0, aa = 0, bb = 0;
    for (size_t d = 0; d < width; ++d) {
      const double x = vectors[a * width + d];
      const double y = vectors[b * width + d];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0.0;
  };
  double lowest = scores[order[0]], highest = lowest;
  for (const int32_t i : order) {
    lowest = std::min(lowest, scores[i]);
    highest = std::max(highest, scores[i]);
  }
  std::vector<int32_t> rest = order;
  std::vector<int32_t> result;
  while (!rest.empty() && static_cast<int64_t>(result.size()) < k) {
    size_t best = 0;
    double best_value = -1e300;
    for (size_t n = 0; n < rest.size(); ++n) {
      double likeness = -1;
      for (const int32_t j : result) {
        likeness = std::max(likeness, cosine(rest[n], j));
      }
      const double value =
          (1 - diversity) * (scores[rest[n]] - lowest) / (highest - lowest) -
          diversity * likeness;
      if (value > best_value) {
        best = n;
        best_value = value;
      }
    }
    result.push_back(rest[best]);
    rest.erase(rest.begin() + static_cast<int64_t>(best));
  }
  result.insert(result.end(), rest.begin(), rest.end());
  return result;
}

TEST_F(DiversityTest, ZeroLeavesTheOrder) {
  const std::vector<double> scores = {3, 2, 1};
  const std::vector<float> vectors = {1, 0, 1, 0, 0, 1};
  EXPECT_EQ(Diversify(0, 3, scores, vectors, {0, 1, 2}),
            (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(Diversify(kNan, 3, scores, vectors, {0, 1, 2}),
            (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(Diversify(0.5, 0, scores, vectors, {0, 1, 2}),
            (std::vector<int32_t>{0, 1, 2}));
}

TEST_F(DiversityTest, PutsSomethingElseBelowTheFirst) {
  // 0 and 1 are twins, 2 is different and a little worse.
  const std::vector<double> scores = {1.0, 0.9, 0.6, 0.0};
  const std::vector<float> vectors = {1, 0, 2, 0, 0, 1, -1, 0};
  EXPECT_EQ(Diversify(0.3, 2, scores, vectors, {0, 1, 2, 3}),
            (std::vector<int32_t>{0, 2, 1, 3}));
  // Little diversity: the twin is good enough.
  EXPECT_EQ(Diversify(0.1, 2, scores, vectors, {0, 1, 2, 3}),
            (std::vector<int32_t>{0, 1, 2, 3}));
  // Only diversity: the opposite comes second, whatever its score.
  EXPECT_EQ(Diversify(1, 2, scores, vectors, {0, 1, 2, 3}),
            (std::vector<int32_t>{0, 3, 1, 2}));
  EXPECT_EQ(Diversify(7, 2, scores, vectors, {0, 1, 2, 3}),
            (std::vector<int32_t>{0, 3, 1, 2}));
}

TEST_F(DiversityTest, AgreesWithTheDefinition) {
  Rng rng(11);
  for (int round = 0; round < 60; ++round) {
    const int64_t count = 2 + static_cast<int64_t>(rng.Below(40));
    const int64_t width = 1 + static_cast<int64_t>(rng.Below(21));
    std::vector<double> scores(count);
    std::vector<float> vectors(count * width);
    for (double& score : scores) score = 10 * rng.Normal() - 100;
    for (float& x : vectors) x = static_cast<float>(rng.Normal());
    std::vector<int32_t> order(count);
    for (int32_t i = 0; i < count; ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
    order.resize(1 + rng.Below(count));  // a pool smaller than the list
    if (order.size() < 2) continue;
    const double diversity = rng.Uniform();
    const int64_t k = 1 + static_cast<int64_t>(rng.Below(count));
    EXPECT_EQ(Diversify(diversity, k, scores, vectors, order),
              MmrByDefinition(diversity, k, scores, vectors, order));
  }
}

TEST_F(DiversityTest, OddVectorsAndEqualScoresKeepEveryItem) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<double> scores(5, 4.0);
  const std::vector<float> vectors = {0, 0, inf, 1,     std::nanf(""),
                                      1, 1, 0,   1e30f, 1e30f};
  const std::vector<int32_t> order =
      Diversify(0.5, 5, scores, vectors, {4, 3, 2, 1, 0});
  EXPECT_EQ(order[0], 4) << "equal values go to the better placed";
  EXPECT_EQ(std::set<int32_t>(order.begin(), order.end()).size(), 5u);
}

TEST_F(DiversityTest, HugeScoresDoNotOverflow) {
  const double huge = std::numeric_limits<double>::max();
  EXPECT_EQ(Diversify(0.5, 3, {huge, 0, -huge}, {1, 0, 0, 1, 1, 0}, {0, 1, 2}),
            (std::vector<int32_t>{0, 1, 2}));
}

TEST(DiversityPoolTest, IsFiveTimesTheListAtLeastAHundred) {
  EXPECT_EQ(DiversityPool(10, 1000), 100);
  EXPECT_EQ(DiversityPool(50, 1000), 250);
  EXPECT_EQ(DiversityPool(10, 60), 60);
  EXPECT_EQ(DiversityPool(1000, 1000), 1000);
  EXPECT_EQ(DiversityPool(std::numeric_limits<int64_t>::max(), 7), 7);
  EXPECT_EQ(DiversityPool(0, 0), 0);
}

// k = 0 asks for all candidates: their number must not be squared.
TEST(DiversityPoolTest, IsBoundedHoweverLongTheList) {
  EXPECT_EQ(DiversityPool(100000, 100000), 5 * kMostDiversified);
  EXPECT_EQ(DiversityPool(2000, 100000), 5 * kMostDiversified);
}

TEST_F(DiversityTest, PlacesBehindTheBoundGoByScore) {
  const int64_t count = 2 * kMostDiversified;
  constexpr int64_t kWidth = 8;
  Rng rng(3);
  std::vector<double> scores(count);
  std::vector<float> vectors(kWidth * count);
  std::vector<int32_t> order(count);
  for (float& value : vectors) {
    value = static_cast<float>(rng.Uniform()) - 0.5f;
  }
  for (int64_t i = 0; i < count; ++i) {
    scores[i] = static_cast<double>(count - i);
    order[i] = static_cast<int32_t>(i);
  }
  const std::vector<int32_t> result =
      Diversify(0.7, count, scores, vectors, order);
  const auto bound = result.begin() + kMostDiversified;
  EXPECT_FALSE(std::is_sorted(result.begin(), bound));
  EXPECT_TRUE(std::is_sorted(bound, result.end()));
  std::vector<int32_t> all = result;
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, order);
}

}  // namespace
}  // namespace attune
