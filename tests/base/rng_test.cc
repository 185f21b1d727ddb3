#include "base/rng.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(RngTest, SameSeedSameStream) {
  Rng a(7), b(7), c(8);
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_NE(a.Next(), c.Next());
}

TEST(RngTest, BelowStaysInRangeAndReachesEveryValue) {
  Rng rng(1);
  int seen[7] = {};
  for (int i = 0; i < 7000; ++i) ++seen[rng.Below(7)];
  for (int count : seen) EXPECT_NEAR(count, 1000, 150);
}

TEST(RngTest, NormalHasUnitVariance) {
  Rng rng(3);
  double sum = 0, squares = 0;
  constexpr int kCount = 20000;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.Normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.03);
  EXPECT_NEAR(squares / kCount, 1, 0.05);
}

}  // namespace
}  // namespace attune
