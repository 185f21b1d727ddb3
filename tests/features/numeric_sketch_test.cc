#include "features/numeric_sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace attune::features {
namespace {

TEST(NumericSketchTest, MeanDeviationAndQuantiles) {
  NumericSketch sketch;
  for (int i = 0; i < 1000; ++i) sketch.Add(i);
  const NumericSummary summary = sketch.Finish(4);
  EXPECT_EQ(summary.count, 1000);
  EXPECT_NEAR(summary.mean, 499.5, 1e-9);
  EXPECT_NEAR(summary.deviation, 285.8, 0.1);  // of the middle 990
  ASSERT_EQ(summary.bounds.size(), 3u);
  EXPECT_EQ(summary.bounds[1], 500);
}

TEST(NumericSketchTest, FewValuesGetABucketEach) {
  NumericSketch sketch;
  for (int i = 0; i < 100; ++i) sketch.Add(i % 3 == 0 ? 3 : i % 3 == 1 ? 4 : 5);
  EXPECT_EQ(sketch.Finish(16).bounds, (std::vector<double>{3.5, 4.5}));
}

TEST(NumericSketchTest, HostileValues) {
  NumericSketch sketch;
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(sketch.Finish(16).count, 0);
  for (const double x : {inf, -inf, std::nan(""), 1e308, -1e308, 5e-324}) {
    sketch.Add(x);
  }
  const NumericSummary summary = sketch.Finish(16);
  EXPECT_EQ(summary.count, 3);
  EXPECT_TRUE(std::isfinite(summary.mean));
  EXPECT_TRUE(std::isfinite(summary.deviation));
  for (const double bound : summary.bounds) EXPECT_TRUE(std::isfinite(bound));
}

TEST(NumericSketchTest, OneTypingErrorDoesNotFlattenTheRest) {
  NumericSketch sketch;
  for (int i = 0; i < 1000; ++i) sketch.Add(i % 10);
  sketch.Add(1e300);
  EXPECT_LT(sketch.Finish(16).deviation, 10);
}

TEST(NumericSketchTest, OrderDoesNotMatterAndMemoryIsBounded) {
  std::vector<double> values;
  Rng rng(5);
  for (int i = 0; i < 50000; ++i) values.push_back(rng.Normal());
  NumericSketch forward, backward, large;
  for (const double x : values) forward.Add(x);
  std::reverse(values.begin(), values.end());
  for (const double x : values) backward.Add(x);
  EXPECT_EQ(forward.Finish(16).mean, backward.Finish(16).mean);
  EXPECT_EQ(forward.Finish(16).bounds, backward.Finish(16).bounds);
  for (int i = 0; i < 1000000; ++i) large.Add(rng.Normal());
  const NumericSummary summary = large.Finish(16);
  EXPECT_EQ(summary.count, 1000000);
  EXPECT_NEAR(summary.mean, 0, 0.02);
  EXPECT_NEAR(summary.deviation, 0.98, 0.03);
}

}  // namespace
}  // namespace attune::features
