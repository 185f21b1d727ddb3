#include "features/lane_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace attune::features {
namespace {

TEST(LaneMathTest, LogarithmsAreThoseOfTheLibrary) {
  Rng rng(3);
  for (int round = 0; round < 200000; ++round) {
    FloatLanes x;
    for (int i = 0; i < 4; ++i) {
      // Near 1, where the result is small, and over all magnitudes.
      x[i] = round % 2 == 0
                 ? static_cast<float>(std::exp(rng.Normal()))
                 : static_cast<float>(std::exp2(250 * rng.Uniform() - 125));
    }
    const FloatLanes y = LogLanes(x);
    for (int i = 0; i < 4; ++i) {
      const double want = std::log(static_cast<double>(x[i]));
      ASSERT_LE(std::abs(y[i] - want), 2e-7 * std::max(1.0, std::abs(want)))
          << x[i];
    }
  }
  EXPECT_EQ(LogLanes(FloatLanes{} + 1.0f)[0], 0.0f);
}

TEST(LaneMathTest, OtherArgumentsGiveFiniteNumbers) {
  const float infinity = std::numeric_limits<float>::infinity();
  const FloatLanes y =
      LogLanes(FloatLanes{0.0f, -1.0f, infinity, std::nanf("")});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(std::isfinite(y[i])) << i;
  EXPECT_GT(y[2], 80.0f);
}

TEST(LaneMathTest, PowersAreThoseOfTheLibrary) {
  Rng rng(4);
  for (int round = 0; round < 200000; ++round) {
    FloatLanes x;
    for (int i = 0; i < 4; ++i) {
      x[i] = static_cast<float>(round % 2 == 0 ? -3 * rng.Uniform()
                                               : -125 * rng.Uniform());
    }
    const FloatLanes y = Exp2Lanes(x);
    for (int i = 0; i < 4; ++i) {
      const double want = std::exp2(static_cast<double>(x[i]));
      ASSERT_LE(std::abs(y[i] - want), 2e-7 * want) << x[i];
    }
  }
  const FloatLanes ends = Exp2Lanes(FloatLanes{0.0f, -126.0f, -127.0f, -1e30f});
  EXPECT_EQ(ends[0], 1.0f);
  EXPECT_EQ(ends[1], std::exp2(-126.0f));
  EXPECT_EQ(ends[2], 0.0f);
  EXPECT_EQ(ends[3], 0.0f);
}

TEST(LaneMathTest, ALaneDoesNotDependOnTheOthers) {
  const FloatLanes alone = LogLanes(FloatLanes{} + 3.7f);
  const FloatLanes among = LogLanes(FloatLanes{1e30f, 3.7f, 0.0f, 1.0f});
  EXPECT_EQ(alone[0], among[1]);
}

}  // namespace
}  // namespace attune::features
