#include "engine/train/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "base/strings.h"
#include "engine/io/text_file.h"
#include "tests/temporary_directory.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class TuneTest : public ::testing::Test {
 protected:
  TuneOptions Options() const {
    TuneOptions options;
    options.base = R"({"training": {"epochs": 27, "decoder_epochs": 9}})";
    options.space = *SearchSpace::Parse(
        R"({"training.dropout": {"range": [0, 0.9]}})", "space");
    options.trials = 12;
    options.journal = directory_ + "/search.journal";
    return options;
  }

  // The nearer to a dropout of 0.6 the better, and every epoch helps.
  static double MetricOf(const TrainConfig& config) {
    return -std::fabs(config.training.dropout - 0.6) +
           0.001 * config.training.epochs;
  }

  // Counts the trainings; the one behind `stop_behind` is cancelled.
  absl::StatusOr<TuneResult> Search(const TuneOptions& options,
                                    int stop_behind = 1000) {
    int count = 0;
    return Tune(
        options, [&](const TuneRun& run) -> absl::StatusOr<TuneMeasure> {
          if (count++ == stop_behind) {
            return absl::CancelledError("stop");
          }
          ++runs_[{run.trial, run.rung}];
          EXPECT_EQ(run.config.training.epochs, run.rung == 0   ? 3
                                                : run.rung == 1 ? 9
                                                                : 27);
          EXPECT_EQ(run.config.training.decoder_epochs, run.rung == 0   ? 1
                                                        : run.rung == 1 ? 3
                                                                        : 9);
          return TuneMeasure{MetricOf(run.config), data_};
        });
  }

  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
  std::string data_ = "f00d";
  std::map<std::pair<int, int>, int> runs_;
};

TEST_F(TuneTest, TheBestThirdGoesOn) {
  const auto result = Search(Options());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->trials.size(), 12u);
  EXPECT_EQ(runs_.size(), 12u + 4u + 1u);
  EXPECT_EQ(result->trials[0].metrics.size(), 3u);
  EXPECT_EQ(result->trials[1].metrics.size(), 2u);
  EXPECT_EQ(result->trials[4].metrics.size(), 1u);
  for (size_t i = 1; i < 12; ++i) {  // all in order of the first rung, here
    EXPECT_GE(result->trials[i - 1].metrics[0], result->trials[i].metrics[0]);
  }
  const auto config = ParseTrainConfig(result->config, "best");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->training.epochs, 27);  // the base's
  EXPECT_FLOAT_EQ(config->training.dropout,
                  result->trials[0].settings["training"]["dropout"]);
  EXPECT_FLOAT_EQ(static_cast<float>(result->trials[0].metrics[2]),
                  static_cast<float>(MetricOf(*config)));
}

TEST_F(TuneTest, StoppedAnywhereItGoesOnToTheSameResult) {
  const auto whole = Search(Options());
  ASSERT_TRUE(whole.ok()) << whole.status();
  for (const int stop : {0, 1, 11, 12, 14, 16}) {
    SCOPED_TRACE(stop);
    runs_.clear();
    TuneOptions options = Options();
    options.journal += StrCat(stop);
    EXPECT_TRUE(absl::IsCancelled(Search(options, stop).status()));
    const auto rest = Search(options);
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_EQ(rest->config, whole->config);
    EXPECT_EQ(runs_.size(), 17u);
    for (const auto& [run, times] : runs_) EXPECT_EQ(times, 1);
  }
}

TEST_F(TuneTest, ACutLastLineIsTrainedAgain) {
  const TuneOptions options = Options();
  ASSERT_TRUE(absl::IsCancelled(Search(options, 5).status()));
  const auto text = ReadTextFile(options.journal);
  ASSERT_TRUE(text.ok());
  ASSERT_TRUE(
      WriteTextFile(options.journal, text->substr(0, text->size() - 9)).ok());
  ASSERT_TRUE(Search(options).ok());
  EXPECT_EQ((runs_[{4, 0}]), 2);
  EXPECT_EQ((runs_[{3, 0}]), 1);
}

TEST_F(TuneTest, RefusesAnotherSearchOtherDataAndOtherFiles) {
  ASSERT_TRUE(absl::IsCancelled(Search(Options(), 3).status()));
  TuneOptions other = Options();
  other.trials = 13;
  EXPECT_THAT(std::string(Search(other).status().message()),
              HasSubstr("is of a search with another trials"));
  other = Options();
  other.space = SearchSpace::Default();
  EXPECT_THAT(std::string(Search(other).status().message()),
              HasSubstr("another space"));
  data_ = "beef";
  EXPECT_THAT(std::string(Search(Options()).status().message()),
              HasSubstr("data have changed"));
  data_ = "f00d";
  ASSERT_TRUE(WriteTextFile(Options().journal, "hello\n").ok());
  EXPECT_THAT(std::string(Search(Options()).status().message()),
              HasSubstr("no journal of a search"));
}

TEST_F(TuneTest, WhatCannotBeTrainedIsSaidBeforeTheFirstTraining) {
  TuneOptions options = Options();
  options.space = *SearchSpace::Parse(R"({"training.dropuot": [0.1]})", "s");
  const auto result = Search(options);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("dropuot"));
  EXPECT_TRUE(runs_.empty());
  EXPECT_FALSE(std::filesystem::exists(options.journal));
}

}  // namespace
}  // namespace attune
