#include "engine/train/adamw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

// A step's four buffers over `size` floats with reproducible content.
struct Problem {
  explicit Problem(int64_t size, uint64_t seed = 1)
      : values(size), gradients(size), first(size, 0.0f), second(size, 0.0f) {
    Rng rng(seed);
    for (float& value : values) value = static_cast<float>(rng.Normal());
    NewGradients(rng);
  }
  void NewGradients(Rng& rng) {
    for (float& g : gradients) g = static_cast<float>(0.1 * rng.Normal());
  }
  AdamW::Buffers buffers() { return {values, gradients, first, second}; }

  std::vector<float> values, gradients, first, second;
};

TEST(AdamWTest, FollowsTheFormulaInDoublePrecision) {
  constexpr int64_t kSize = 1003;  // not a multiple of the vector width
  const AdamWOptions options{.clip_norm = 0.5f};
  const auto adamw =
      AdamW::Create(kSize,
                    {{.begin = 0, .size = 500, .weight_decay = 0.1f},
                     {.begin = 500, .size = 503, .rate_scale = 0.5f}},
                    options);
  ASSERT_TRUE(adamw.ok()) << adamw.status();
  Problem problem(kSize);
  std::vector<double> w(problem.values.begin(), problem.values.end());
  std::vector<double> m(kSize, 0.0), v(kSize, 0.0);
  ThreadPool pool(2);
  Rng rng(7);
  for (int step = 1; step <= 20; ++step) {
    problem.NewGradients(rng);
    double norm = 0;
    for (float g : problem.gradients) norm += double{g} * g;
    norm = std::sqrt(norm);
    const double rate = 0.01 * step;
    for (int64_t i = 0; i < kSize; ++i) {
      const double g = problem.gradients[i] * std::min(1.0, 0.5 / norm);
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * g;
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(options.beta1, step));
      const double v_hat = v[i] / (1 - std::pow(options.beta2, step));
      const double own_rate = i < 500 ? rate : rate / 2;
      w[i] -= own_rate * ((i < 500 ? 0.1 : 0.0) * w[i] +
                          m_hat / (std::sqrt(v_hat) + options.epsilon));
    }
    const auto seen =
        adamw->Step(problem.buffers(), step, static_cast<float>(rate), pool);
    ASSERT_TRUE(seen.ok()) << seen.status();
    EXPECT_NEAR(*seen, norm, 1e-9);
    EXPECT_GT(norm, 0.5);  // so that clipping was at work
  }
  for (int64_t i = 0; i < kSize; ++i) {
    ASSERT_NEAR(problem.values[i], w[i], 2e-5) << i;
    ASSERT_NEAR(problem.first[i], m[i], 1e-6) << i;
  }
}

TEST(AdamWTest, SameBytesForAnyNumberOfThreads) {
  constexpr int64_t kSize = 100'001;
  const auto adamw = AdamW::Create(
      kSize, {{.begin = 3, .size = kSize - 3, .weight_decay = 0.01f}},
      {.clip_norm = 1});
  ASSERT_TRUE(adamw.ok());
  Problem a(kSize), b(kSize);
  ThreadPool one(1), four(4);
  for (int step = 1; step <= 3; ++step) {
    EXPECT_EQ(*adamw->Step(a.buffers(), step, 0.01f, one),
              *adamw->Step(b.buffers(), step, 0.01f, four));
  }
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.second, b.second);
}

TEST(AdamWTest, WhatNoRangeCoversIsFrozen) {
  const auto adamw = AdamW::Create(30, {{.begin = 10, .size = 10}}, {});
  ASSERT_TRUE(adamw.ok());
  Problem problem(30);
  const Problem before = problem;
  problem.gradients[0] = std::numeric_limits<float>::quiet_NaN();
  ThreadPool pool(1);
  ASSERT_TRUE(adamw->Step(problem.buffers(), 1, 0.1f, pool).ok());
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(problem.values[i] == before.values[i], i < 10 || i >= 20) << i;
    EXPECT_EQ(problem.second[i] == 0, i < 10 || i >= 20) << i;
  }
}

TEST(AdamWTest, StateInAndOutContinuesTheSame) {
  const auto adamw = AdamW::Create(100, {{.begin = 0, .size = 100}}, {});
  Problem whole(100), parts(100);
  ThreadPool pool(1);
  ASSERT_TRUE(adamw->Step(whole.buffers(), 1, 0.1f, pool).ok());
  ASSERT_TRUE(adamw->Step(whole.buffers(), 2, 0.1f, pool).ok());
  ASSERT_TRUE(adamw->Step(parts.buffers(), 1, 0.1f, pool).ok());
  Problem resumed = parts;
  ASSERT_TRUE(adamw->Step(resumed.buffers(), 2, 0.1f, pool).ok());
  EXPECT_EQ(whole.values, resumed.values);
}

TEST(AdamWTest, AGradientThatIsNotFiniteChangesNothing) {
  const auto adamw = AdamW::Create(100, {{.begin = 0, .size = 100}}, {});
  for (float bad : {std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::infinity()}) {
    Problem problem(100);
    problem.gradients[57] = bad;
    const Problem before = problem;
    ThreadPool pool(1);
    const auto norm = adamw->Step(problem.buffers(), 1, 0.1f, pool);
    EXPECT_EQ(norm.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(problem.values, before.values);
    EXPECT_EQ(problem.first, before.first);
  }
}

TEST(AdamWTest, RefusesBadRangesOptionsAndBuffers) {
  const auto code = [](int64_t size, std::vector<AdamWRange> ranges,
                       AdamWOptions options) {
    return AdamW::Create(size, std::move(ranges), options).status().code();
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code(10, {{.begin = 0, .size = 6}, {.begin = 5, .size = 5}}, {}),
            kBad);
  EXPECT_EQ(code(10, {{.begin = 5, .size = 6}}, {}), kBad);
  EXPECT_EQ(code(10, {{.begin = -1, .size = 2}}, {}), kBad);
  EXPECT_EQ(code(10, {{.begin = 0, .size = 1, .weight_decay = -1}}, {}), kBad);
  EXPECT_EQ(code(10, {}, {.beta2 = 1}), kBad);
  EXPECT_EQ(code(10, {}, {.epsilon = 0}), kBad);
  const auto adamw = AdamW::Create(10, {{.begin = 0, .size = 10}}, {});
  ThreadPool pool(1);
  Problem problem(9);
  EXPECT_EQ(adamw->Step(problem.buffers(), 1, 0.1f, pool).status().code(),
            kBad);
  Problem fits(10);
  EXPECT_EQ(adamw->Step(fits.buffers(), 0, 0.1f, pool).status().code(), kBad);
}

TEST(AdamWTest, FindsTheMinimumOfAQuadratic) {
  const auto adamw = AdamW::Create(2, {{.begin = 0, .size = 2}}, {});
  std::vector<float> w = {5, -3}, g(2), m(2), v(2);
  ThreadPool pool(1);
  for (int step = 1; step <= 2000; ++step) {
    g = {2 * (w[0] - 1), 200 * (w[1] - 2)};
    ASSERT_TRUE(adamw->Step({w, g, m, v}, step, 0.02f, pool).ok());
  }
  EXPECT_NEAR(w[0], 1, 1e-3);
  EXPECT_NEAR(w[1], 2, 1e-3);
}

}  // namespace
}  // namespace attune
