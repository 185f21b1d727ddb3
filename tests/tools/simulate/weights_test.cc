#include "tools/simulate/weights.h"

#include <gtest/gtest.h>

#include <cmath>

namespace attune::simulate {
namespace {

TEST(ListSampler, DrawsByWeightWithinTheList) {
  ListSampler sampler;
  for (double weight : {5.0, 1.0, 0.0, 3.0, 100.0}) sampler.Append(weight);
  Rng rng(3);
  int count[5] = {};
  for (int k = 0; k < 20000; ++k) ++count[sampler.Draw(1, 4, rng)];
  EXPECT_EQ(count[0], 0);
  EXPECT_EQ(count[2], 0);
  EXPECT_EQ(count[4], 0);
  EXPECT_NEAR(count[1] / 20000.0, 0.25, 0.02);
  EXPECT_NEAR(count[3] / 20000.0, 0.75, 0.02);
}

TEST(TagMix, MatchIsACosineOfSorts) {
  TagMix mix;
  const uint16_t tags[] = {1, 2, 3, 4};
  mix.Blend(tags, 1);
  EXPECT_FLOAT_EQ(mix.Match(tags), 1);
  const uint16_t half[] = {1, 2, 8, 9};
  EXPECT_FLOAT_EQ(mix.Match(half), 0.5f);
  const uint16_t other[] = {8};
  EXPECT_FLOAT_EQ(mix.Match(other), 0);
  EXPECT_FLOAT_EQ(mix.Match({}), 0);
}

TEST(TagMix, FadeForgetsAndDrawFollowsWeights) {
  TagMix mix;
  const uint16_t one[] = {1};
  const uint16_t two[] = {2};
  mix.Blend(one, 1);
  mix.Blend(two, 3);
  Rng rng(5);
  int twos = 0;
  for (int k = 0; k < 10000; ++k) twos += mix.Draw(rng) == 2;
  EXPECT_NEAR(twos / 10000.0, 0.75, 0.02);
  mix.Fade(0.01f);
  EXPECT_FLOAT_EQ(mix.Match(one), 0) << "0.01 is below what is remembered";
  EXPECT_FLOAT_EQ(mix.Match(two), 0.03f);
  mix.Fade(0.01f);
  EXPECT_TRUE(mix.empty());
}

}  // namespace
}  // namespace attune::simulate
