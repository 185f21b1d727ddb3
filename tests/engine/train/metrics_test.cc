#include "engine/train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

TEST(RankTargetTest, TiesCountHalfAndSeenItemsLeave) {
  const std::vector<float> scores = {5, 3, 3, 3, 1, 9};
  const std::vector<int32_t> all = {0, 1, 2, 3, 4, 5};
  const std::vector<int32_t> seen = {0, 2};
  const TargetRanks ranks = RankTarget(scores, 1, all, seen);
  EXPECT_EQ(ranks.all, 1 + 2 + 0.5 * 2);
  EXPECT_EQ(ranks.unseen, 1 + 1 + 0.5 * 1);
}

TEST(RankTargetTest, OnlyCandidatesCompete) {
  const std::vector<float> scores = {5, 3, 3, 3, 1, 9};
  const std::vector<int32_t> some = {1, 3, 4};
  EXPECT_EQ(RankTarget(scores, 1, some, {}).all, 1.5);
  EXPECT_EQ(RankTarget(scores, 0, some, {}).all, 1);  // not one of them
}

TEST(RankTargetTest, FilteredAndSeenTargetsAreNotRanked) {
  const std::vector<float> scores = {std::nanf(""), 1, 2};
  const std::vector<int32_t> all = {0, 1, 2};
  EXPECT_EQ(RankTarget(scores, 0, all, {}).all, kNever);
  EXPECT_EQ(RankTarget(scores, 1, all, {}).all, 2);  // NaN does not compete
  const std::vector<int32_t> seen = {1};
  EXPECT_EQ(RankTarget(scores, 1, all, seen).all, 2);
  EXPECT_EQ(RankTarget(scores, 1, all, seen).unseen, kNever);
}

TEST(RankTargetTest, ConstantScorerRanksInTheMiddle) {
  const std::vector<float> scores(101, 0.5f);
  std::vector<int32_t> all;
  for (int i = 0; i < 101; ++i) all.push_back(i);
  EXPECT_EQ(RankTarget(scores, 17, all, {}).all, 51);
}

TEST(SummarizeRanksTest, MeansAndStandardErrors) {
  const std::vector<double> ranks = {1, 3, 11, kNever};
  const std::vector<int> ks = {2, 10};
  const RankingMetrics metrics = SummarizeRanks(ranks, ks);
  EXPECT_EQ(metrics.cases, 4);
  ASSERT_EQ(metrics.at_k.size(), 2u);
  EXPECT_EQ(metrics.at_k[0].k, 2);
  EXPECT_DOUBLE_EQ(metrics.at_k[0].hit_rate.value, 0.25);
  EXPECT_DOUBLE_EQ(metrics.at_k[1].hit_rate.value, 0.5);
  EXPECT_DOUBLE_EQ(metrics.at_k[1].ndcg.value, (1 + 0.5) / 4);
  EXPECT_DOUBLE_EQ(metrics.mrr.value, (1 + 1.0 / 3 + 1.0 / 11) / 4);
  // Hits 1 1 0 0: variance 1/3, over four cases.
  EXPECT_DOUBLE_EQ(metrics.at_k[1].hit_rate.standard_error,
                   std::sqrt(1.0 / 3 / 4));
  EXPECT_EQ(SummarizeRanks({}, ks).at_k[0].ndcg.value, 0);
}

TEST(PairedNdcgDifferenceTest, SeesWhatTheMeansHide) {
  const std::vector<double> a = {1, 1, 1, 1}, b = {3, 3, 3, 3};
  const Mean difference = PairedNdcgDifference(a, b, 10);
  EXPECT_DOUBLE_EQ(difference.value, 0.5);
  EXPECT_DOUBLE_EQ(difference.standard_error, 0);
}

// The definition: share of (positive, negative) pairs in the right order.
double SlowAuc(std::span<const float> scores, std::span<const uint8_t> labels) {
  double right = 0, pairs = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    for (size_t j = 0; j < scores.size(); ++j) {
      if (labels[i] == 0 || labels[j] != 0) continue;
      right += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      ++pairs;
    }
  }
  return right / pairs;
}

TEST(AucTest, EqualsItsDefinitionWithTies) {
  Rng rng(1);
  std::vector<float> scores;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 200; ++i) {
    labels.push_back(rng.Bernoulli(0.3));
    scores.push_back(static_cast<float>(rng.Below(20) + 3 * labels.back()));
  }
  EXPECT_NEAR(*Auc(scores, labels), SlowAuc(scores, labels), 1e-12);
  EXPECT_GT(*Auc(scores, labels), 0.55);
}

TEST(AucTest, OneLabelHasNone) {
  const std::vector<float> scores = {1, 2};
  const std::vector<uint8_t> ones = {1, 1}, zeros = {0, 0};
  EXPECT_EQ(Auc(scores, ones), std::nullopt);
  EXPECT_EQ(Auc(scores, zeros), std::nullopt);
  EXPECT_EQ(Auc({}, {}), std::nullopt);
}

TEST(GroupAucTest, WeighsByImpressionsAndDropsOneLabelUsers) {
  // User 0: perfect, 2 rows. User 1: no positives. User 2: reversed, 4 rows.
  const std::vector<float> scores = {1, 0, 5, 6, 0, 1, 2, 3};
  const std::vector<uint8_t> labels = {1, 0, 0, 0, 1, 0, 0, 0};
  const std::vector<int64_t> groups = {0, 2, 4, 8};
  const GroupedAuc auc = GroupAuc(scores, labels, groups);
  EXPECT_EQ(auc.users, 2);
  EXPECT_EQ(auc.dropped_users, 1);
  EXPECT_DOUBLE_EQ(auc.by_users, 0.5);
  EXPECT_DOUBLE_EQ(auc.by_impressions, 2.0 / 6);
  EXPECT_EQ(GroupAuc({}, {}, {}).users, 0);
}

TEST(LogLossTest, MatchesTheFormulaAndStaysFinite) {
  const std::vector<float> logits = {0.5f, -1.5f};
  const std::vector<uint8_t> labels = {1, 0};
  const double want = -(std::log(1 / (1 + std::exp(-0.5))) +
                        std::log(1 - 1 / (1 + std::exp(1.5)))) /
                      2;
  EXPECT_NEAR(LogLoss(logits, labels), want, 1e-7);
  const std::vector<float> large = {1000, -1000};
  EXPECT_EQ(LogLoss(large, labels), 0);
  const std::vector<uint8_t> wrong = {0, 1};
  EXPECT_EQ(LogLoss(large, wrong), 1000);
  EXPECT_EQ(LogLoss({}, {}), 0);
}

TEST(CalibrationErrorTest, SmallWhenTrueAndTheShiftWhenShifted) {
  Rng rng(2);
  std::vector<float> logits, shifted;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 100'000; ++i) {
    logits.push_back(static_cast<float>(rng.Normal()) - 3);
    labels.push_back(rng.Bernoulli(1 / (1 + std::exp(-logits.back()))));
    shifted.push_back(logits.back() + 5);
  }
  EXPECT_LT(CalibrationError(logits, labels), 0.005);
  EXPECT_GT(CalibrationError(shifted, labels), 0.5);
  const std::vector<float> half = {0, 0};
  const std::vector<uint8_t> one = {1, 0};
  EXPECT_NEAR(CalibrationError(half, one, 1), 0, 1e-12);
  EXPECT_NEAR(CalibrationError(half, one, 2), 0.5, 1e-12);
}

}  // namespace
}  // namespace attune
