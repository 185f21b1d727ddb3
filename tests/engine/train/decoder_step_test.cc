#include "engine/train/decoder_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "base/parallel.h"

namespace attune {
namespace {

constexpr int kWidth = 8;
constexpr int kDecoderItems = 7;
constexpr int kRows = 5;
constexpr int kDense = 3;

ModelConfig DecoderConfig() {
  ModelConfig config;
  config.width = kWidth;
  config.heads = 2;
  config.encoder_blocks = 1;
  config.decoder_blocks = 1;
  config.feed_forward = 16;
  config.window = 6;
  config.relative_positions = 4;
  config.time_buckets = 4;
  config.gap_buckets = 4;
  config.text_heads = 1;
  config.text_buckets = 6;
  config.attribute_buckets = 1;
  config.user_buckets = 2;
  config.context_buckets = 3;
  config.context_text = true;
  config.fusion_hidden = {6};
  config.dense_width = kDense;
  config.tasks = {"next", "click"};
  config.item_count = kDecoderItems;
  return config;
}

// Three groups: a next item with a text and a value, one without context, and
// impressions in a context of two values.
class DecoderStepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    network_ = std::make_unique<Network>(DecoderConfig());
    const auto backend = *MakeBackend("reference");
    RunSerial([&] {
      ASSERT_TRUE(network_->Prepare(*backend, /*training=*/true).ok());
    });
    Rng rng(3);
    values_.resize(static_cast<size_t>(network_->layout().size()));
    network_->layout().Initialize(rng, values_);
    for (float& value : values_) value += 0.1f * rng.Normal();
    for (int i = 0; i < kDecoderItems * kWidth; ++i) x_.push_back(rng.Normal());
    for (int i = 0; i < kRows * kWidth; ++i) {
      memory_.push_back(rng.Normal());
      user_.push_back(rng.Normal());
    }
    search_.tokens = {1};
    search_.text_tokens = {0, 4, 5};
    scene_.tokens = {0, 2};
    AddGroup(0, 2, &search_, false, {0, 3, 5});
    AddGroup(3, 3, nullptr, false, {1, 2});
    AddGroup(3, 4, &scene_, true, {4, 6, 2});
    batch_.followed[6] = 1;
    for (size_t i = 0; i < kDense * batch_.item.size(); ++i) {
      batch_.dense.push_back(rng.Normal());
    }
  }

  void AddGroup(int first_row, int last_row,
                const features::ContextFeatures* context, bool impression,
                const std::vector<int32_t>& items) {
    DecoderGroup& group = batch_.groups.emplace_back();
    group.first_row = first_row;
    group.last_row = last_row;
    group.now_ms = 10'000'000;
    group.user_tokens = user_tokens_;
    group.context = context;
    group.clock[1] = 1;
    group.impression = impression;
    group.weight = 0.7f;
    group.begin = static_cast<int64_t>(batch_.item.size());
    for (const int32_t item : items) {
      batch_.item.push_back(item);
      batch_.log_weight.push_back(0.3f);
      batch_.followed.push_back(0);
    }
    group.end = static_cast<int64_t>(batch_.item.size());
  }

  double Loss(std::vector<float>* gradients = nullptr) {
    std::vector<float> ignored(values_.size());
    DecoderStep::Inputs inputs;
    inputs.values = values_;
    inputs.x = ConstMatrixView(x_.data(), {kDecoderItems, kWidth});
    inputs.memory = ConstMatrixView(memory_.data(), {kRows, kWidth});
    inputs.user = ConstMatrixView(user_.data(), {kRows, kWidth});
    inputs.key_time_ms = times_;
    inputs.next_scale = 0.5f;
    inputs.impression_scale = 0.4f;
    Rng rng(1);
    double result = 0;
    RunSerial([&] {
      ExecutionContext context;
      ASSERT_TRUE(network_->SetWeights(context, values_).ok());
      const auto loss = DecoderStep(*network_).Run(
          context, batch_, inputs, rng,
          gradients != nullptr ? *gradients : ignored);
      ASSERT_TRUE(loss.ok()) << loss.status();
      result = *loss;
    });
    return result;
  }

  std::unique_ptr<Network> network_;
  std::vector<float> values_, x_, memory_, user_;
  std::vector<int64_t> times_ = {1000, 2000, 3000, 4000, 5000};
  std::vector<int32_t> user_tokens_ = {1};
  features::ContextFeatures search_, scene_;
  DecoderBatch batch_;
};

TEST_F(DecoderStepTest, GradientsAreThoseOfTheLoss) {
  std::vector<float> gradients(values_.size());
  ASSERT_GT(Loss(&gradients), 0);
  constexpr float kStep = 2e-3f;
  int tried = 0, contexts = 0;
  for (const Parameter& parameter : network_->layout().list()) {
    const bool trained = parameter.name.starts_with("decoder.") ||
                         parameter.name.starts_with("fusion.") ||
                         parameter.name.starts_with("tasks.");
    if (!trained) continue;
    const bool context = parameter.name.starts_with("decoder.context_");
    const int64_t stride = context ? 1 : 7;
    for (int64_t i = 0; i < parameter.size(); i += stride) {
      const size_t at = static_cast<size_t>(parameter.offset + i);
      const float old = values_[at];
      values_[at] = old + kStep;
      const double above = Loss();
      values_[at] = old - kStep;
      const double below = Loss();
      values_[at] = old;
      const double expected = (above - below) / (2 * kStep);
      EXPECT_NEAR(gradients[at], expected, 3e-3 * (1 + std::abs(expected)))
          << parameter.name << " " << i;
      ++tried;
      contexts += context && std::abs(expected) > 1e-2;
    }
  }
  EXPECT_GT(tried, 100);
  EXPECT_GT(contexts, 20);
}

TEST_F(DecoderStepTest, AContextThatSaysNothingIsNone) {
  const double with = Loss();
  const features::ContextFeatures nothing;
  for (DecoderGroup& group : batch_.groups) group.context = &nothing;
  const double empty = Loss();
  for (DecoderGroup& group : batch_.groups) group.context = nullptr;
  EXPECT_EQ(empty, Loss());
  EXPECT_NE(empty, with);
}

}  // namespace
}  // namespace attune
