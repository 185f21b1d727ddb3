#include "engine/train/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "engine/train/metrics.h"

namespace attune {
namespace {

struct Shown {
  std::vector<float> logits;
  std::vector<uint8_t> labels;
};

/// Labels drawn with sigmoid(scale · logit + bias).
Shown Draw(double scale, double bias, int count) {
  Rng rng(11);
  Shown shown;
  for (int i = 0; i < count; ++i) {
    const auto logit = static_cast<float>(6 * rng.Uniform() - 3);
    const double p = 1 / (1 + std::exp(-(scale * logit + bias)));
    shown.logits.push_back(logit);
    shown.labels.push_back(rng.Bernoulli(p) ? 1 : 0);
  }
  return shown;
}

TEST(CalibrationTest, FindsTheScaleThatTheLabelsWereDrawnWith) {
  for (const auto& [scale, bias] :
       {std::pair{0.4, -1.5}, {1.0, 0.0}, {2.5, 2.0}}) {
    const Shown shown = Draw(scale, bias, 50'000);
    const PlattScale fitted = FitPlatt(shown.logits, shown.labels);
    EXPECT_NEAR(fitted.scale, scale, 0.06 * scale);
    EXPECT_NEAR(fitted.bias, bias, 0.06);
  }
}

TEST(CalibrationTest, LowersTheErrorAndTheLoss) {
  const Shown fit = Draw(0.3, -2, 5000), test = Draw(0.3, -2, 20'000);
  const PlattScale s = FitPlatt(fit.logits, fit.labels);
  std::vector<float> calibrated;
  for (const float logit : test.logits) {
    calibrated.push_back(static_cast<float>(s.scale * logit + s.bias));
  }
  EXPECT_GT(CalibrationError(test.logits, test.labels), 0.3);
  EXPECT_LT(CalibrationError(calibrated, test.labels), 0.02);
  EXPECT_LT(LogLoss(calibrated, test.labels),
            LogLoss(test.logits, test.labels));
}

TEST(CalibrationTest, StaysFiniteWhereALogitTellsAll) {
  Shown shown;
  for (int i = 0; i < 200; ++i) {
    shown.logits.push_back(i < 100 ? -5.0f : 5.0f);
    shown.labels.push_back(i < 100 ? 0 : 1);
  }
  const PlattScale s = FitPlatt(shown.logits, shown.labels);
  EXPECT_TRUE(std::isfinite(s.scale));
  EXPECT_GT(s.scale, 0);
  EXPECT_LT(s.scale, 10);
}

TEST(CalibrationTest, IsTheIdentityWhereItCannotTell) {
  Shown shown = Draw(1, -9, 1000);  // hardly a positive
  PlattScale s = FitPlatt(shown.logits, shown.labels);
  EXPECT_EQ(s.scale, 1);
  EXPECT_EQ(s.bias, 0);
  shown = Draw(-2, 0, 5000);  // the wrong way round
  s = FitPlatt(shown.logits, shown.labels);
  EXPECT_EQ(s.scale, 1);
  EXPECT_EQ(s.bias, 0);
  s = FitPlatt({}, {});
  EXPECT_EQ(s.scale, 1);
}

}  // namespace
}  // namespace attune
