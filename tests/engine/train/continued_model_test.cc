// A model that goes on with what came since.
#include "engine/train/continued_model.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "engine/model/network.h"
#include "tests/engine/train/train_model_test_base.h"

namespace attune {
namespace {

class ContinuedModelTest : public TrainModelTest {
 protected:
  std::shared_ptr<const Model> Train(const TrainModelOptions& options) {
    Version(options);
    auto model = Model::Load(options.output, {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *model : nullptr;
  }

  // The value of a named row, by item or action.
  static std::vector<float> Row(const ModelConfig& config,
                                std::span<const float> values,
                                std::string_view parameter, int64_t row) {
    const Network network(config);
    for (const Parameter& p : network.layout().list()) {
      if (p.name != parameter) continue;
      const auto part = values.subspan(p.offset + row * p.cols, p.cols);
      return {part.begin(), part.end()};
    }
    ADD_FAILURE() << parameter;
    return {};
  }
};

TEST_F(ContinuedModelTest, RowsGoWhereTheirNamesWent) {
  const auto model = Train(Options("old"));
  ASSERT_NE(model, nullptr);
  ModelConfig config = model->config();
  const std::vector<std::string> items = {"i7", "new", "i3"};
  config.item_count = 3;
  config.actions = {"other", "like", "click"};
  const Network network(config);
  const std::vector<float> fresh(network.layout().size(), 7.0f);
  const auto values = ContinuedWeights(*model, config, items, fresh);
  ASSERT_TRUE(values.ok()) << values.status();
  const auto old_item = [&](std::string_view id) {
    return Row(model->config(), model->values(), "item.id", model->IdRow(id));
  };
  EXPECT_EQ(Row(config, *values, "item.id", 0), old_item("i7"));
  EXPECT_EQ(Row(config, *values, "item.id", 1), std::vector<float>(8, 0.0f));
  EXPECT_EQ(Row(config, *values, "item.id", 2), old_item("i3"));
  EXPECT_EQ(Row(config, *values, "history.action", 1),
            std::vector<float>(8, 7.0f));
  EXPECT_EQ(Row(config, *values, "history.action", 2),
            Row(model->config(), model->values(), "history.action",
                model->ActionIndex("click")));

  config.tasks.push_back("buy");
  const auto refused = ContinuedWeights(*model, config, items, fresh);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
}

TEST_F(ContinuedModelTest, GoesOnWithWhatCameSince) {
  const auto old = Train(Options("old"));
  ASSERT_NE(old, nullptr);
  Fill(8, 12);
  TrainModelOptions options = Options("new");
  options.from = old;
  options.since_ms = TimeMs(8);
  auto training = ContinuedOptions(*old);
  ASSERT_TRUE(training.ok()) << training.status();
  EXPECT_LT(training->learning_rate, options.config.training.learning_rate);
  options.config.training = *training;
  options.config.training.threads = 2;
  const auto continued = Train(options);
  ASSERT_NE(continued, nullptr);
  EXPECT_NE(continued->version(), old->version());
  EXPECT_EQ(continued->pipeline().ToJson(), old->pipeline().ToJson());
  const auto report = nlohmann::json::parse(continued->report_json());
  EXPECT_EQ(report["continued"]["model"], old->version());
  EXPECT_EQ(report["continued"]["since_ms"], TimeMs(8));
  EXPECT_GE(report["validation_ndcg_10"].get<double>(),
            report["continued"]["validation_before"].get<double>());
}

TEST_F(ContinuedModelTest, AWorseOneIsRefused) {
  const auto old = Train(Options("old"));
  ASSERT_NE(old, nullptr);
  EXPECT_TRUE(CheckNotWorse(*old, 0.2, 0.2).ok());
  const absl::Status refused = CheckNotWorse(*old, 0.2, 0.1987);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()),
              ::testing::AllOf(::testing::HasSubstr("0.1987"),
                               ::testing::HasSubstr("0.2000"),
                               ::testing::HasSubstr(old->version())));
}

TEST_F(ContinuedModelTest, NothingSinceThenIsSaid) {
  TrainModelOptions options = Options("new");
  options.from = Train(Options("old"));
  ASSERT_NE(options.from, nullptr);
  options.since_ms = TimeMs(1000);
  const auto result = TrainModel(*database_, options);
  EXPECT_TRUE(absl::IsFailedPrecondition(result.status())) << result.status();
}

}  // namespace
}  // namespace attune
