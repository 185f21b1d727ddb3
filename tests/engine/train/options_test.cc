#include "engine/train/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"

namespace attune {
namespace {

std::string Error(std::string_view text) {
  const auto config = ParseTrainConfig(text, "c.json");
  return config.ok() ? "accepted"
                     : std::string(ToStd(config.status().message()));
}

TEST(TrainConfigTest, TakesWhatItIsTold) {
  const auto config = ParseTrainConfig(
      R"({"model": {"width": 32, "temperature": 0.1, "precision": "bf16",
                    "fusion_hidden": [16]},
          "training": {"epochs": 3, "learning_rate": 1, "exclude_seen": true,
                       "seed": 18446744073709551615, "threads": 3,
                       "text_rows": 100, "neighbours": 7,
                       "transition_window": 2, "transition_decay": 1.5}})",
      "c.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.width, 32);
  EXPECT_EQ(config->model.temperature, 0.1f);
  EXPECT_EQ(config->model.precision, "bf16");
  EXPECT_EQ(config->model.fusion_hidden, std::vector<int>{16});
  EXPECT_EQ(config->training.epochs, 3);
  EXPECT_EQ(config->training.learning_rate, 1.0f);
  EXPECT_TRUE(config->training.exclude_seen);
  EXPECT_EQ(config->training.seed, ~uint64_t{0});
  EXPECT_EQ(config->training.threads, 3);
  EXPECT_EQ(config->training.text_rows, 100);
  EXPECT_EQ(config->training.neighbours, 7);
  EXPECT_EQ(config->training.transition_window, 2);
  EXPECT_EQ(config->training.transition_decay, 1.5f);
}

TEST(TrainConfigTest, TheDefaultsAreWithinTheirRanges) {
  EXPECT_TRUE(TrainOptions().Validate().ok()) << TrainOptions().Validate();
  EXPECT_TRUE(ModelConfig().Validate().ok()) << ModelConfig().Validate();
  EXPECT_EQ(Error("{}"), "accepted");
}

TEST(TrainConfigTest, NamesKeyValueAndWhatIsAllowed) {
  const std::pair<const char*, const char*> kTable[] = {
      {R"({"training": {"learning_rate": -0.5}})",
       "c.json: training.learning_rate is -0.5, must be a number in 1e-08..1"},
      {R"({"training": {"learning_rate": "fast"}})",
       "c.json: training.learning_rate is \"fast\", must be a number in "
       "1e-08..1"},
      {R"({"training": {"learning_rate": null}})",
       "c.json: training.learning_rate is null, must be a number in 1e-08..1"},
      {R"({"training": {"epochs": "3"}})",
       "c.json: training.epochs is \"3\", must be a whole number in 0..100000"},
      {R"({"training": {"epochs": 2.5}})",
       "c.json: training.epochs is 2.5, must be a whole number in 0..100000"},
      {R"({"training": {"epochs": true}})",
       "c.json: training.epochs is true, must be a whole number in 0..100000"},
      {R"({"training": {"epochs": 18446744073709551615}})",
       "c.json: training.epochs is 18446744073709551615, must be a whole "
       "number in 0..100000"},
      {R"({"training": {"seed": -1}})",
       "c.json: training.seed is -1, must be a whole number in "
       "0..18446744073709551615"},
      {R"({"training": {"exclude_seen": 1}})",
       "c.json: training.exclude_seen is 1, must be true or false"},
      {R"({"training": {"weight_decay": -1}})",
       "c.json: training.weight_decay is -1, must be a number in 0..10"},
      {R"({"training": {"warmup_steps": -1}})",
       "c.json: training.warmup_steps is -1, must be a whole number in "
       "0..1000000"},
      {R"({"training": {"final_rate": 2}})",
       "c.json: training.final_rate is 2, must be a number in 0..1"},
      {R"({"training": {"gradient_clip": -5}})",
       "c.json: training.gradient_clip is -5, must be a number in 0..1e+06"},
      {R"({"training": {"decoder_learning_rate": 0}})",
       "c.json: training.decoder_learning_rate is 0, must be a number in "
       "1e-08..1"},
      {R"({"training": {"decoder_epochs": -1}})",
       "c.json: training.decoder_epochs is -1, must be a whole number in "
       "0..100000"},
      {R"({"training": {"decoder_patience": 0}})",
       "c.json: training.decoder_patience is 0, must be a whole number in "
       "1..100000"},
      {R"({"training": {"full_softmax_items": -1}})",
       "c.json: training.full_softmax_items is -1, must be a whole number in "
       "0..1073741824"},
      {R"({"model": {"heads": 0}})",
       "c.json: model.heads is 0, must be a whole number in 1..64"},
      {R"({"model": {"heads": 5}})",
       "c.json: model.width is 64, must be a multiple of heads, 5"},
      {R"({"model": {"temperature": 0}})",
       "c.json: model.temperature is 0, must be a number in 0.001..100"},
      {R"({"model": {"temperature": -1e400}})", "number overflow"},
      {R"({"model": {"precision": "f16"}})",
       "c.json: model.precision is \"f16\", must be one of \"f32\", \"bf16\""},
      {R"({"model": {"fusion_hidden": []}})",
       "c.json: model.fusion_hidden is [], must be a list of 1..8 whole "
       "numbers in 1..8192"},
      {R"({"model": {"fusion_hidden": [0]}})",
       "c.json: model.fusion_hidden is [0], must be a list of 1..8 whole "
       "numbers in 1..8192"},
      {R"({"model": {"value_formula": ""}})",
       "c.json: model.value_formula is \"\", must be a text"},
      {R"({"model": []})", "c.json: model is array, must be an object, {…}"},
      {R"({"training": 3})",
       "c.json: training is number, must be an object, {…}"},
      {"[1]", "c.json: not a JSON object"},
  };
  for (const auto& [text, message] : kTable) {
    EXPECT_THAT(Error(text), ::testing::HasSubstr(message)) << text;
  }
}

TEST(TrainConfigTest, UnknownKeysNameTheNearest) {
  EXPECT_EQ(Error(R"({"training": {"epoch": 3}})"),
            "c.json: training.epoch: there is no such key; did you mean "
            "\"epochs\"?");
  EXPECT_EQ(Error(R"({"model": {"haeds": 3}})"),
            "c.json: model.haeds: there is no such key; did you mean "
            "\"heads\"?");
  EXPECT_EQ(Error(R"({"trainig": {}})"),
            "c.json: trainig: there is no such key beside \"model\" and "
            "\"training\"; did you mean \"training\"?");
  EXPECT_EQ(Error(R"({"training": {"colour": 3}})"),
            "c.json: training.colour: there is no such key");
}

TEST(TrainConfigTest, RepeatedKeysAreRefused) {
  EXPECT_EQ(Error(R"({"training": {"epochs": 3, "epochs": 4}})"),
            "c.json: key \"epochs\" is there twice");
  EXPECT_EQ(Error(R"({"training": {}, "training": {}})"),
            "c.json: key \"training\" is there twice");
}

TEST(TrainConfigTest, WhatTheDataDecideIsRefused) {
  EXPECT_EQ(Error(R"({"model": {"tasks": ["next", "buy"]}})"),
            "c.json: model.tasks: follows from the data; leave it out");
  EXPECT_EQ(Error(R"({"model": {"use_time": false}})"),
            "c.json: model.use_time: follows from the data; leave it out");
}

TEST(TrainOptionsTest, WrittenAndReadAgainTheyAreTheSame) {
  TrainOptions options;
  options.epochs = 7;
  options.transition_decay = 2.5f;
  const auto config = ParseTrainConfig(
      StrCat("{\"training\": ", options.ToJson(), "}"), "c.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->training.ToJson(), options.ToJson());
}

TEST(TrainOptionsTest, OptionsOfAProgramAreCheckedToo) {
  TrainOptions options;
  options.learning_rate = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(options.Validate().message(),
            "training.learning_rate is not finite, must be a number in "
            "1e-08..1");
  ModelConfig model;
  model.heads = 0;
  EXPECT_EQ(model.Validate().message(),
            "model.heads is 0, must be a whole number in 1..64");
}

}  // namespace
}  // namespace attune
