#include "engine/train/schedule.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(WarmupCosineTest, RisesThenFallsToTheFloor) {
  const WarmupCosine schedule{
      .warmup_steps = 4, .total_steps = 104, .floor = 0.1f};
  EXPECT_FLOAT_EQ(schedule.At(0), 0.25f);
  EXPECT_FLOAT_EQ(schedule.At(3), 1.0f);
  EXPECT_FLOAT_EQ(schedule.At(4), 1.0f);
  EXPECT_FLOAT_EQ(schedule.At(54), 0.55f);
  EXPECT_FLOAT_EQ(schedule.At(104), 0.1f);
  EXPECT_FLOAT_EQ(schedule.At(1'000'000), 0.1f);
  for (int step = 4; step < 104; ++step) {
    EXPECT_GT(schedule.At(step), schedule.At(step + 1));
  }
}

TEST(WarmupCosineTest, WarmupIsOptional) {
  const WarmupCosine schedule{.warmup_steps = 0, .total_steps = 10};
  EXPECT_FLOAT_EQ(schedule.At(0), 1);
  EXPECT_NEAR(schedule.At(9), 0.0245, 1e-4);
}

}  // namespace
}  // namespace attune
