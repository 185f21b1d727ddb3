#include "engine/train/negative_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace attune {
namespace {

// Chi-squared of `draws` draws against the expected shares.
double ChiSquared(const NegativeSampler& sampler,
                  const std::vector<double>& shares, int draws) {
  Rng rng(11);
  std::vector<int> seen(shares.size(), 0);
  for (int i = 0; i < draws; ++i) ++seen[sampler.Sample(rng)];
  double chi = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const double expected = shares[i] * draws;
    if (expected == 0) {
      EXPECT_EQ(seen[i], 0) << i;
      continue;
    }
    chi += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  return chi;
}

TEST(NegativeSamplerTest, DrawsByPowerOfPopularity) {
  const std::vector<int64_t> counts = {0, 1, 16, 81, 256, 0, 625};
  const auto sampler = NegativeSampler::Create(counts, {.exponent = 0.5});
  ASSERT_TRUE(sampler.ok()) << sampler.status();
  std::vector<double> shares;
  const double sum = 1 + 4 + 9 + 16 + 25;
  for (int64_t count : counts) {
    shares.push_back(std::sqrt(static_cast<double>(count)) / sum);
  }
  EXPECT_LT(ChiSquared(*sampler, shares, 200'000), 18.5);  // p = 0.001, 4 df
  EXPECT_NEAR(sampler->LogProbability(4), std::log(16 / sum), 1e-6);
  EXPECT_EQ(sampler->LogProbability(0), -INFINITY);
}

TEST(NegativeSamplerTest, LogCountsAndSmoothing) {
  const std::vector<int64_t> counts = {0, 9, 99};
  const auto by_log = NegativeSampler::Create(counts, {.log_counts = true});
  ASSERT_TRUE(by_log.ok());
  EXPECT_LT(ChiSquared(*by_log, {0, 1.0 / 3, 2.0 / 3}, 100'000), 10.8);
  const auto smooth =
      NegativeSampler::Create(counts, {.exponent = 1, .smoothing = 1});
  ASSERT_TRUE(smooth.ok());
  EXPECT_LT(ChiSquared(*smooth, {1 / 111., 10 / 111., 100 / 111.}, 100'000),
            13.8);
}

TEST(NegativeSamplerTest, ExcludesThePositive) {
  const std::vector<int64_t> counts = {1, 2, 3};
  const auto sampler = NegativeSampler::Create(counts, {.exponent = 1});
  Rng rng(3);
  std::vector<int> seen(3, 0);
  for (int i = 0; i < 30'000; ++i) ++seen[sampler->SampleExcept(2, rng)];
  EXPECT_EQ(seen[2], 0);
  EXPECT_NEAR(seen[1], 20'000, 500);
  EXPECT_NEAR(sampler->LogProbabilityExcept(1, 2), std::log(2.0 / 3), 1e-6);
}

TEST(NegativeSamplerTest, SameSeedSameDraws) {
  std::vector<int64_t> counts(1000);
  for (int i = 0; i < 1000; ++i) counts[i] = 1 + i % 37;
  const auto sampler = NegativeSampler::Create(counts, {});
  Rng a(5), b(5);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(sampler->Sample(a), sampler->Sample(b));
  }
}

TEST(NegativeSamplerTest, RefusesWhatCannotBeDrawn) {
  const std::vector<int64_t> one = {0, 5, 0}, negative = {1, -1, 4};
  EXPECT_FALSE(NegativeSampler::Create(one, {}).ok());
  EXPECT_TRUE(NegativeSampler::Create(one, {.smoothing = 1}).ok());
  EXPECT_FALSE(NegativeSampler::Create(negative, {}).ok());
  EXPECT_FALSE(NegativeSampler::Create({}, {}).ok());
  const std::vector<int64_t> two = {1, 1};
  EXPECT_FALSE(NegativeSampler::Create(two, {.exponent = -1}).ok());
}

}  // namespace
}  // namespace attune
