#include "engine/train/task_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace attune {
namespace {

constexpr int64_t kDayMs = 86'400'000;

// Two users, ten days; the item "good" is clicked, "bad" is not. Each user has
// five clicks on other things so that a time split has targets.
class TaskReportTest : public ::testing::Test {
 protected:
  TaskReportTest() : dataset_(Make()) {
    SplitOptions options;
    options.protocol = Protocol::kTimeSplit;
    options.test_days = 2;
    auto split = Split::Create(dataset_, options);
    EXPECT_TRUE(split.ok()) << split.status();
    split_ = std::make_unique<Split>(std::move(*split));
  }

  static Dataset Make() {
    DatasetBuilder builder;
    const int16_t click = *builder.AddAction("click");
    const uint32_t bit = 1u << *builder.AddTask("click");
    const int32_t good = builder.AddItem("good"), bad = builder.AddItem("bad");
    for (const char* name : {"u", "v"}) {
      const int32_t user = builder.AddUser(name);
      for (int day = 0; day <= 10; ++day) {
        const int64_t time = day * kDayMs;
        Interaction event{.item = builder.AddItem("x" + std::to_string(day)),
                          .action = click,
                          .has_time = true,
                          .positive = true,
                          .time_ms = time,
                          .sort_key = time};
        builder.AddInteraction(user, event);
        builder.AddImpression(user, {.item = good,
                                     .followed = bit,
                                     .has_time = true,
                                     .time_ms = time + 1,
                                     .sort_key = time + 1});
        builder.AddImpression(user, {.item = bad,
                                     .has_time = true,
                                     .time_ms = time + 2,
                                     .sort_key = time + 2});
      }
    }
    return std::move(builder).Build();
  }

  Dataset dataset_;
  std::unique_ptr<Split> split_;
};

TEST_F(TaskReportTest, ARateKnowsWhatIsClicked) {
  const auto cases = split_->test_impressions();
  const auto rows = TaskRows("rate", dataset_, cases,
                             ItemRateScores(dataset_, *split_, cases));
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0].task, "click");
  EXPECT_EQ(rows[0].users, 2);
  EXPECT_GT(rows[0].impressions, 4);
  EXPECT_EQ(rows[0].positives * 2, rows[0].impressions);
  EXPECT_EQ(rows[0].auc, 1);
  EXPECT_EQ(rows[0].gauc, 1);
  EXPECT_LT(rows[0].log_loss, std::log(2.0));
}

TEST_F(TaskReportTest, RatesAreThoseOfTheTrainingPart) {
  const auto cases = split_->test_impressions();
  const TaskScores scores = ItemRateScores(dataset_, *split_, cases);
  int64_t shown = 0;  // of "good" to both users before validation
  for (const Impression& impression : dataset_.impressions(0)) {
    shown += 2 * (impression.followed != 0 &&
                  impression.sort_key < split_->validation_start_ms());
  }
  ASSERT_GT(shown, 2);
  const double mean = (shown + 1.0) / (2.0 * shown + 2);
  const double rate = (shown + 10 * mean) / (shown + 10);
  float highest = scores.logits[0][0];
  for (float logit : scores.logits[0]) highest = std::max(highest, logit);
  EXPECT_NEAR(highest, std::log(rate / (1 - rate)), 1e-5);
}

TEST_F(TaskReportTest, GroupsAreUsersAndATaskWithoutBothLabelsHasNoRow) {
  const auto cases = split_->test_impressions();
  TaskScores scores = ItemRateScores(dataset_, *split_, cases);
  ASSERT_EQ(scores.groups.size(), cases.size() + 1);
  // Reversed inside the first user: an AUC of 0 there, of 1 in the other.
  for (int64_t i = 0; i < scores.groups[1]; ++i) scores.logits[0][i] *= -1;
  const auto rows = TaskRows("mixed", dataset_, cases, scores);
  EXPECT_NEAR(rows[0].gauc, 0.5, 1e-9);
  EXPECT_TRUE(TaskRows("", dataset_, {}, scores).empty());
}

}  // namespace
}  // namespace attune
