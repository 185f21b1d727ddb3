// Whole trainings of a tiny model: the same bytes again, and after a stop.

#include "engine/train/train_model.h"

#include <atomic>
#include <filesystem>
#include <string>

#include "engine/train/evaluate_model.h"
#include "tests/engine/train/train_model_test_base.h"

namespace attune {
namespace {

TEST_F(TrainModelTest, TheSameSeedGivesTheSameBytes) {
  TrainModelOptions other = Options("c");
  other.config.training.seed = 2;
  const std::string first = Version(Options("a"));
  EXPECT_EQ(Version(Options("b")), first);
  EXPECT_NE(Version(other), first);
}

TEST_F(TrainModelTest, StoppedAfterAnyEpochItGoesOnToTheSameBytes) {
  const std::string whole = Version(Options("whole"));
  for (int stop_after = 1; stop_after <= 6; ++stop_after) {
    SCOPED_TRACE(stop_after);
    TrainModelOptions options = Options(StrCat("stopped", stop_after));
    std::atomic<bool> cancelled = false;
    int epochs = 0;
    options.cancelled = &cancelled;
    options.on_epoch = [&](const EpochReport&) {
      cancelled = ++epochs == stop_after;
    };
    auto stopped = TrainModel(*database_, options);
    if (stopped.ok()) break;  // early stopping came first
    ASSERT_TRUE(absl::IsCancelled(stopped.status())) << stopped.status();
    options.resume = true;
    cancelled = false;
    EXPECT_EQ(Version(options), whole);
  }
}

TEST_F(TrainModelTest, ATimeSplitMeasuresWhatFollowedImpressions) {
  storage::WriteGroup group;
  Rng rng(9);
  for (int user = 0; user < 30; ++user) {
    for (int i = 0; i < 40; ++i) {
      v1::Event event;
      event.set_user_id(StrCat("u", user));
      const int item = static_cast<int>(rng.Below(20));
      event.set_item_id(StrCat("i", item));
      event.set_action("impression");
      if (item < 7) event.add_followed("click");
      event.set_time_ms(1'600'000'000'500 + user * 1000 + i * 700'000);
      ASSERT_TRUE(group.AppendEvent(event, nullptr, {}).ok());
    }
  }
  // Users of whom nothing but impressions is known.
  for (int user = 0; user < 20; ++user) {
    for (int i = 0; i < 40; ++i) {
      v1::Event event;
      event.set_user_id(StrCat("silent", user));
      event.set_item_id(StrCat("i", rng.Below(7) + (i % 2 == 0 ? 0 : 7)));
      event.set_action("impression");
      event.set_time_ms(1'600'000'000'500 + user * 1000 + i * 700'000);
      ASSERT_TRUE(group.AppendEvent(event, nullptr, {}).ok());
    }
  }
  ASSERT_TRUE(database_->Write(std::move(group)).ok());
  TrainModelOptions options = Options("timed");
  options.split.protocol = Protocol::kTimeSplit;
  options.config.training.decoder_epochs = 40;
  options.config.training.decoder_patience = 40;
  options.config.training.decoder_learning_rate = 0.01f;
  auto result = TrainModel(*database_, options);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->report.tasks.size(), 2);
  EXPECT_EQ(result->report.tasks[0].name, "item rate");
  const TaskRow& model = result->report.tasks[1];
  EXPECT_EQ(model.task, "click");
  EXPECT_GT(model.impressions, 60);
  EXPECT_GT(model.gauc, 0.7);
  EXPECT_LT(model.calibration_error, 0.1);

  // The stored model gives the same figures.
  auto stored = Model::Load(options.output, {});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EvaluateModelOptions evaluation;
  evaluation.split = options.split;
  auto report = EvaluateModel(*database_, **stored, evaluation);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->tasks.size(), 2);
  EXPECT_NEAR(report->tasks[1].auc, model.auc, 1e-6);
  EXPECT_NEAR(report->tasks[1].log_loss, model.log_loss, 1e-5);

  TrainModelOptions heavier = options;
  heavier.output += "-heavier";
  heavier.config.training.impression_weight = 3;
  EXPECT_NE(Version(heavier), result->version);
}

TEST_F(TrainModelTest, AMeasuredTrainingLeavesNothingBehind) {
  TrainModelOptions options = Options("measured");
  const auto whole = TrainModel(*database_, Options("whole"));
  ASSERT_TRUE(whole.ok()) << whole.status();
  options.measure_only = true;
  const auto measured = TrainModel(*database_, options);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_EQ(measured->validation_metric, whole->validation_metric);
  EXPECT_EQ(measured->report.data_fingerprint, whole->report.data_fingerprint);
  EXPECT_TRUE(measured->report.rows.empty());
  EXPECT_FALSE(std::filesystem::exists(options.output));
  EXPECT_FALSE(std::filesystem::exists(options.output + ".checkpoint"));
}

TEST_F(TrainModelTest, EveryOptionChangesTheResult) {
  const std::string all = Version(Options("all"));
  const std::function<void(TrainOptions&)> changes[] = {
      [](TrainOptions& o) { o.event_dropout = 0; },
      [](TrainOptions& o) { o.target_skip = 0; },
      [](TrainOptions& o) { o.average_decay = 0; },
      [](TrainOptions& o) { o.exclude_seen = false; },
      [](TrainOptions& o) { o.decoder_match_dropout = 0; },
      [](TrainOptions& o) { o.decoder_batch_tokens = 32; },
      [](TrainOptions& o) { o.new_item_dropout = 0; },
  };
  int number = 0;
  for (const auto& change : changes) {
    TrainModelOptions options = Options(StrCat("without", ++number));
    change(options.config.training);
    EXPECT_NE(Version(options), all) << number;
  }
}

}  // namespace
}  // namespace attune
