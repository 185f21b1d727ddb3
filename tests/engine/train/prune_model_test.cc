#include "engine/train/prune_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "engine/rank/ranker.h"
#include "tests/engine/train/train_model_test_base.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class PruneModelTest : public TrainModelTest {
 protected:
  void SetUp() override {
    TrainModelTest::SetUp();
    TrainModelOptions options = Options("model");
    options.config.model.feed_forward = 48;
    options.force_fusion = FusionChoice{FusionMode::kFull, 1};
    const auto trained = TrainModel(*database_, options);
    ASSERT_TRUE(trained.ok()) << trained.status();
    auto model = Model::Load(options.output, {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }

  std::shared_ptr<const Model> model_;
};

// All units but every third of each block read and write next to nothing.
std::vector<float> WithWeakUnits(const Model& model) {
  std::vector<float> values(model.values().begin(), model.values().end());
  const ParameterLayout& layout = model.scorer().network().layout();
  for (size_t p = 0; p < layout.list().size(); ++p) {
    const std::string& name = layout.list()[p].name;
    const MatrixView matrix =
        layout.Matrix(static_cast<int>(p), std::span<float>(values));
    for (int64_t r = 0; r < matrix.rows(); ++r) {
      for (int64_t c = 0; c < matrix.cols(); ++c) {
        const bool weak = (name.ends_with(".expand.weight") && c % 3 != 0) ||
                          (name.ends_with(".contract.weight") && r % 3 != 0);
        if (weak) matrix(r, c) = 0;
      }
    }
  }
  return values;
}

TEST_F(PruneModelTest, WithoutUnitsThatDoNothingTheScoresAreTheSame) {
  Model::Parts parts = model_->parts();
  parts.values = WithWeakUnits(*model_);
  const auto weak = Model::Create(parts, "weak", {});
  ASSERT_TRUE(weak.ok()) << weak.status();
  auto pruned_parts = PruneFeedForward(**weak, 0.34f);
  ASSERT_TRUE(pruned_parts.ok()) << pruned_parts.status();
  EXPECT_EQ(pruned_parts->config.feed_forward, 16);
  EXPECT_LT(pruned_parts->values.size(), parts.values.size());
  const auto pruned = Model::Create(*pruned_parts, "pruned", {});
  ASSERT_TRUE(pruned.ok()) << pruned.status();

  v1::Golden golden;
  ASSERT_TRUE(golden.ParseFromString(model_->golden()));
  ASSERT_GT(golden.cases_size(), 0);
  const auto whole_ranker = Ranker::Create(*weak);
  const auto ranker = Ranker::Create(*pruned);
  ASSERT_TRUE(whole_ranker.ok() && ranker.ok());
  for (const v1::GoldenCase& c : golden.cases()) {
    const auto whole = (*whole_ranker)->ScoreInline(c.request());
    const auto scores = (*ranker)->ScoreInline(c.request());
    ASSERT_TRUE(whole.ok() && scores.ok());
    ASSERT_EQ(whole->size(), scores->size());
    for (size_t i = 0; i < whole->size(); ++i) {
      EXPECT_NEAR((*whole)[i], (*scores)[i], 1e-4);
    }
  }
}

TEST_F(PruneModelTest, WritesAModelThatCanBeContinued) {
  PruneModelOptions options;
  options.output = directory_ + "/pruned";
  options.keep = 0.67f;
  options.evaluation.with_baselines = false;
  const auto result = PruneModel(*database_, *model_, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->units_before, 48);
  EXPECT_EQ(result->units, 32);
  EXPECT_EQ(result->before.cases, result->after.cases);
  const auto pruned = Model::Load(options.output, {});
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ((*pruned)->version(), result->version);
  EXPECT_THAT((*pruned)->report_json(), HasSubstr("\"pruned\""));
  EXPECT_TRUE(Ranker::Create(*pruned).ok());
  EXPECT_FALSE((*pruned)->golden().empty());

  TrainModelOptions continued = Options("continued");
  continued.from = *pruned;
  continued.measure_only = true;
  const auto trained = TrainModel(*database_, continued);
  // Refused where it comes out worse; but not for its shape.
  EXPECT_TRUE(trained.ok() ||
              trained.status().message().find("worse") != std::string::npos)
      << trained.status();
}

TEST_F(PruneModelTest, SomethingMustGoAndSomethingStay) {
  for (const float keep : {0.0f, 0.1f, 0.95f, 1.0f}) {
    const auto parts = PruneFeedForward(*model_, keep);
    EXPECT_EQ(parts.status().code(), absl::StatusCode::kInvalidArgument)
        << keep;
  }
}

}  // namespace
}  // namespace attune
