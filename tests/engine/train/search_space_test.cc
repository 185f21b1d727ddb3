#include "engine/train/search_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/train/options.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TEST(SearchSpaceTest, DrawsWithinItsBounds) {
  const auto space = SearchSpace::Parse(R"({
    "training.dropout": [0.1, 0.3],
    "training.exclude_seen": [false, true],
    "training.learning_rate": {"log": [0.0001, 0.01]},
    "model.temperature": {"range": [0.05, 0.06]},
    "model.encoder_blocks": {"range": [1, 3]}})",
                                        "space.json");
  ASSERT_TRUE(space.ok()) << space.status();
  Rng rng(1);
  std::set<double> dropouts;
  std::set<int> blocks;
  int small_rates = 0;
  constexpr int kDraws = 300;
  for (int i = 0; i < kDraws; ++i) {
    const auto drawn = space->Draw(rng);
    dropouts.insert(drawn["training"]["dropout"].get<double>());
    blocks.insert(drawn["model"]["encoder_blocks"].get<int>());
    const double rate = drawn["training"]["learning_rate"].get<double>();
    EXPECT_GE(rate, 0.0001);
    EXPECT_LE(rate, 0.01);
    small_rates += rate < 0.001;
    const double temperature = drawn["model"]["temperature"].get<double>();
    EXPECT_GE(temperature, 0.05);
    EXPECT_LE(temperature, 0.06);
    EXPECT_TRUE(drawn["training"]["exclude_seen"].is_boolean());
  }
  EXPECT_EQ(dropouts, (std::set<double>{0.1, 0.3}));
  EXPECT_EQ(blocks, (std::set<int>{1, 2, 3}));
  // Half of the factors lie below 0.001: 150, give or take four deviations.
  EXPECT_GT(small_rates, 115);
  EXPECT_LT(small_rates, 185);
}

TEST(SearchSpaceTest, TheSameSeedDrawsTheSame) {
  const SearchSpace space = SearchSpace::Default();
  Rng a(5), b(5);
  EXPECT_EQ(space.Draw(a), space.Draw(b));
  EXPECT_NE(space.Draw(a), space.Draw(a));
  const auto again = SearchSpace::Parse(space.ToJson(), "again");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->ToJson(), space.ToJson());
}

TEST(SearchSpaceTest, WhatTheDefaultDrawsCanBeTrained) {
  const SearchSpace space = SearchSpace::Default();
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const auto config = ParseTrainConfig(space.Draw(rng).dump(), "drawn");
    EXPECT_TRUE(config.ok()) << config.status();
  }
}

TEST(SearchSpaceTest, NamesWhatIsWrong) {
  const auto message = [](const char* text) {
    const auto space = SearchSpace::Parse(text, "s.json");
    EXPECT_EQ(space.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(space.status().message());
  };
  EXPECT_THAT(message("{}"), HasSubstr("s.json: must be an object"));
  EXPECT_THAT(message("[1"), HasSubstr("s.json"));
  EXPECT_THAT(message(R"({"dropout": [1]})"),
              HasSubstr("s.json: dropout: must begin with \"model.\""));
  EXPECT_THAT(message(R"({"training.dropout": []})"), HasSubstr("is empty"));
  EXPECT_THAT(message(R"({"training.dropout": 0.1})"),
              HasSubstr("must be a list of values"));
  EXPECT_THAT(message(R"({"training.dropout": {"range": [0.3, 0.1]}})"),
              HasSubstr("from 0.3 down to 0.1"));
  EXPECT_THAT(message(R"({"training.dropout": {"log": [0, 0.1]}})"),
              HasSubstr("must be above 0"));
}

}  // namespace
}  // namespace attune
