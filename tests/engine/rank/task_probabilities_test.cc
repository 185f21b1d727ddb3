#include "engine/rank/task_probabilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace attune {
namespace {

TEST(TaskProbabilitiesTest, NextIsASoftmaxOverTheKept) {
  // Two tasks, four candidates, of which the third was filtered out.
  const float logits[] = {20.0f, 18.0f, 500.0f, 19.0f,  //
                          0.0f,  2.0f,  -1.0f,  -800.0f};
  const std::vector<uint8_t> kept = {1, 1, 0, 1};
  const TaskProbabilities of(ConstMatrixView(logits, {2, 4}), kept);
  const double sum = 1 + std::exp(-2.0) + std::exp(-1.0);
  EXPECT_NEAR(of.Of(0, 0), 1 / sum, 1e-12);
  EXPECT_NEAR(of.Of(0, 1), std::exp(-2.0) / sum, 1e-12);
  EXPECT_NEAR(of.Of(0, 0) + of.Of(0, 1) + of.Of(0, 3), 1, 1e-12);
  EXPECT_EQ(of.Of(1, 0), 0.5);
  EXPECT_NEAR(of.Of(1, 1), 1 / (1 + std::exp(-2.0)), 1e-12);
  EXPECT_EQ(of.Of(1, 3), 0.0);
}

TEST(TaskProbabilitiesTest, FarApartAndAlone) {
  const float logits[] = {3e38f, -3e38f};
  const std::vector<uint8_t> both = {1, 1};
  const TaskProbabilities apart(ConstMatrixView(logits, {1, 2}), both);
  EXPECT_EQ(apart.Of(0, 0), 1.0);
  EXPECT_EQ(apart.Of(0, 1), 0.0);
  const std::vector<uint8_t> second = {0, 1};
  const TaskProbabilities alone(ConstMatrixView(logits, {1, 2}), second);
  EXPECT_EQ(alone.Of(0, 1), 1.0);
}

}  // namespace
}  // namespace attune
