#include "engine/train/match_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "base/parallel.h"

namespace attune {
namespace {

constexpr int kItems = 9;

ModelConfig TinyConfig() {
  ModelConfig config;
  config.width = 8;
  config.heads = 2;
  config.encoder_blocks = 1;
  config.decoder_blocks = 0;
  config.feed_forward = 16;
  config.window = 6;
  config.relative_positions = 4;
  config.time_buckets = 8;
  config.gap_buckets = 4;
  config.text_heads = 1;
  config.text_buckets = 1;
  config.attribute_buckets = 1;
  config.user_buckets = 1;
  config.item_count = kItems;
  config.actions = {"other", "click"};
  return config;
}

class MatchStepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // 3 is in the history already when it comes again.
    const int items[] = {0, 3, 5, 1, 3, 7};
    for (int i = 0; i < 6; ++i) {
      Interaction& event = events_.emplace_back();
      event.item = items[i];
      event.has_time = true;
      event.time_ms = 1'000'000 * i * i;
      event.positive = i != 2;
    }
    for (int i = 0; i < kItems; ++i) active_.push_back(i);
    network_ = std::make_unique<Network>(TinyConfig());
    backend_ = *MakeBackend("reference");
    step_ = std::make_unique<MatchStep>(*network_);
    RunSerial([&] {
      ASSERT_TRUE(network_->Prepare(*backend_, /*training=*/true).ok());
      ASSERT_TRUE(step_->Prepare(*backend_).ok());
    });
    values_.resize(network_->layout().size());
    Rng rng(3);
    network_->layout().Initialize(rng, values_);
    for (float& value : values_) value += 0.1f * rng.Normal();
    for (int i = 0; i < kItems * 8; ++i) x_.push_back(rng.Normal());
    Reset();
  }

  void Reset() {
    batch_.Clear();
    const std::vector<int32_t> actions = {1};
    batch_.Add(*network_, {0, events_, 0}, active_, actions, weights_);
  }

  double Loss(bool exclude_seen, std::vector<float>* dx = nullptr,
              std::vector<float>* gradients = nullptr) {
    std::vector<float> no_dx(x_.size()), no_gradients(values_.size());
    if (dx == nullptr) dx = &no_dx;
    if (gradients == nullptr) gradients = &no_gradients;
    MatchStep::Inputs inputs;
    inputs.values = values_;
    inputs.x = ConstMatrixView(x_.data(), {kItems, 8});
    inputs.loss_scale = 0.5f;
    inputs.exclude_seen = exclude_seen;
    Rng rng(1);
    double result = 0;
    RunSerial([&] {
      ExecutionContext context;
      ASSERT_TRUE(network_->SetWeights(context, values_).ok());
      auto loss = step_->Run(context, batch_, inputs, rng,
                             MatrixView(dx->data(), {kItems, 8}), *gradients);
      ASSERT_TRUE(loss.ok()) << loss.status();
      result = *loss;
    });
    return result;
  }

  // Central differences of the loss beside `gradient`, every `stride` values.
  void ExpectGradient(bool exclude_seen, std::vector<float>& at,
                      const std::vector<float>& gradient, size_t stride) {
    constexpr float kStep = 2e-3f;
    for (size_t i = 0; i < at.size(); i += stride) {
      const float old = at[i];
      at[i] = old + kStep;
      const double above = Loss(exclude_seen);
      at[i] = old - kStep;
      const double below = Loss(exclude_seen);
      at[i] = old;
      const double expected = (above - below) / (2 * kStep);
      EXPECT_NEAR(gradient[i], expected, 2e-3 * (1 + std::abs(expected))) << i;
    }
  }

  std::vector<Interaction> events_;
  std::vector<int32_t> active_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<MatchStep> step_;
  std::vector<float> values_, x_;
  std::vector<float> weights_;  // by action
  MatchBatch batch_;
};

TEST_F(MatchStepTest, GradientsAreThoseOfTheLoss) {
  for (const bool exclude_seen : {false, true}) {
    SCOPED_TRACE(exclude_seen);
    std::vector<float> dx(x_.size()), gradients(values_.size());
    ASSERT_GT(Loss(exclude_seen, &dx, &gradients), 0);
    ExpectGradient(exclude_seen, x_, dx, 1);
    ExpectGradient(exclude_seen, values_, gradients, 5);
  }
}

TEST_F(MatchStepTest, AnEmptyHistoryLearnsTheFirstEvent) {
  batch_.Clear();
  const std::vector<int32_t> actions = {1};
  batch_.Add(*network_, {0, std::span(events_).first(1), 0, true}, active_,
             actions, weights_);
  batch_.Add(*network_, {0, events_, 0}, active_, actions, weights_);
  // A user who was only shown something.
  batch_.Add(*network_, {1, {}, 0, true}, active_, actions, weights_);
  EXPECT_EQ(batch_.target[0], 0);
  EXPECT_EQ(batch_.weight.back(), 0);
  std::vector<float> dx(x_.size()), gradients(values_.size());
  ASSERT_GT(Loss(/*exclude_seen=*/true, &dx, &gradients), 0);
  ExpectGradient(/*exclude_seen=*/true, x_, dx, 1);
  ExpectGradient(/*exclude_seen=*/true, values_, gradients, 5);
  double of_start = 0;
  for (const Parameter& parameter : network_->layout().list()) {
    if (parameter.name != "history.start") continue;
    for (int64_t i = 0; i < 8; ++i) {
      of_start += std::abs(gradients[parameter.offset + i]);
    }
  }
  EXPECT_GT(of_start, 1e-4);
}

TEST_F(MatchStepTest, ExcludingWhatWasSeenLowersTheLoss) {
  EXPECT_LT(Loss(true), Loss(false));
}

TEST_F(MatchStepTest, ARowsVectorCountsAsExcludedOnlyWhereItIsSeen) {
  // Item 8 is never in the history: its gradient comes from every row. Item 7
  // is the last target and in no row's history either.
  std::vector<float> dx(x_.size());
  Loss(true, &dx);
  double of_unseen = 0;
  for (int d = 0; d < 8; ++d) of_unseen += std::abs(dx[8 * 8 + d]);
  EXPECT_GT(of_unseen, 1e-6);
}

TEST_F(MatchStepTest, SkippingAsksForTheEventAfterTheNext) {
  Rng rng(5);
  batch_.Augment({.target_skip = 1.0f}, active_, rng);
  // Targets were 3, (5 is no positive), 1, 3, 7; the row of 0 skips to 5, which
  // is none either, and stays; the last row has nothing to skip to.
  EXPECT_EQ(batch_.target[0], 3);
  EXPECT_EQ(batch_.target[2], 3);
  EXPECT_EQ(batch_.target[3], 7);
  EXPECT_EQ(batch_.target[4], 7);
  EXPECT_EQ(batch_.weight[1], 0);
}

TEST_F(MatchStepTest, DroppedEventsAreHiddenButStaySeen) {
  Rng rng(5);
  batch_.Augment({.event_dropout = 1.0f}, active_, rng);
  EXPECT_EQ(batch_.item, std::vector<int32_t>(5, -1));
  EXPECT_EQ(batch_.seen, (std::vector<int32_t>{0, 3, 5, 1, 3}));
}

TEST_F(MatchStepTest, ATargetWeighsWhatItsActionDoes) {
  const double plain = Loss(false);
  weights_ = {2.5f};
  Reset();
  EXPECT_NEAR(Loss(false), 2.5 * plain, 1e-5);
  weights_ = {0.0f};
  Reset();
  EXPECT_EQ(Loss(false), 0);
}

TEST_F(MatchStepTest, OnlyTheMomentBeforeABasketIsAskedForIt) {
  // Baskets: 0, 3 | 5, 1, 3, 7. Of the second 5 is no positive.
  const int64_t keys[] = {10, 10, 20, 20, 20, 20};
  for (size_t i = 0; i < events_.size(); ++i) events_[i].sort_key = keys[i];
  events_[2].positive = true;
  std::set<int32_t> asked;
  Rng rng(5);
  for (int i = 0; i < 100; ++i) {
    Reset();
    batch_.Augment({.basket_weight = 0.25f}, active_, rng);
    EXPECT_EQ(batch_.weight,
              (std::vector<float>{0.25f, 1, 0.25f, 0.25f, 0.25f}));
    EXPECT_EQ(batch_.target[0], 3);
    EXPECT_EQ(batch_.target[2], 1);
    asked.insert(batch_.target[1]);
  }
  EXPECT_EQ(asked, (std::set<int32_t>{1, 3, 5, 7}));
}

TEST_F(MatchStepTest, NothingIsDrawnWithoutAugmentation) {
  Rng rng(5), same(5);
  const std::vector<int32_t> before = batch_.item;
  batch_.Augment({}, active_, rng);
  EXPECT_EQ(batch_.item, before);
  EXPECT_EQ(rng.Next(), same.Next());
}

}  // namespace
}  // namespace attune
