#include "engine/rank/service_plan.h"

#include <gmock/gmock.h>

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Round figures: a request of 200 rows and 1,000 candidates takes
// 100 + 199 · 20 + 1,000 · (1 + 4) = 9,080 µs.
constexpr double kUs = 1000;
constexpr RequestCosts kCosts = {.fixed = 100 * kUs,
                                 .encoded_row = 20 * kUs,
                                 .read_candidate = 1 * kUs,
                                 .fused_candidate = 4 * kUs,
                                 .retrieval = 500 * kUs};
constexpr RequestWork kCold = {
    .rows = 200, .window_events = 200, .candidates = 1000};
constexpr RequestWork kWarm = {
    .rows = 1, .window_events = 200, .candidates = 1000};

/// A plan for a budget of which `usable_us` may be spent.
absl::StatusOr<ServicePlan> Plan(const RequestWork& work, double usable_us) {
  return PlanService(kCosts, work, usable_us * kUs / 0.8);
}

std::vector<std::string> Steps(const RequestWork& work, double usable_us) {
  const absl::StatusOr<ServicePlan> plan = Plan(work, usable_us);
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return {};
  EXPECT_LE(plan->estimated_ns, usable_us * kUs * 1.0001);
  return DegradedSteps(*plan, work);
}

TEST(ServicePlanTest, AllOfItWhereItFits) {
  EXPECT_THAT(Steps(kCold, 9080.1), IsEmpty());
  EXPECT_NEAR(Plan(kCold, 9080.1)->estimated_ns, 9080 * kUs, 1);
  EXPECT_THAT(Steps(kWarm, 5100.1), IsEmpty());
}

TEST(ServicePlanTest, FirstFewerCandidatesInWholeBlocks) {
  EXPECT_THAT(Steps(kCold, 9079), ElementsAre("fused_candidates=992"));
  EXPECT_THAT(Steps(kWarm, 3100), ElementsAre("fused_candidates=480"));
  EXPECT_THAT(Steps(kCold, 5080.1 + 4 * 96),
              ElementsAre("fused_candidates=96"));
}

TEST(ServicePlanTest, ThenAShorterHistory) {
  // 100 rows: 100 + 99 · 20 + 1,000 = 3,080 and the rest for candidates.
  EXPECT_THAT(Steps(kCold, 5400),
              ElementsAre("history_events=100", "fused_candidates=576"));
  EXPECT_THAT(Steps(kCold, 3000),
              ElementsAre("history_events=50", "fused_candidates=224"));
}

TEST(ServicePlanTest, AnEncodedHistoryIsNotShortened) {
  EXPECT_THAT(Steps(kWarm, 1484.1), ElementsAre("fused_candidates=96"));
  EXPECT_THAT(Steps(kWarm, 1483), ElementsAre("fused_candidates=0"));
}

TEST(ServicePlanTest, ThenTheMatchTermAlone) {
  // 12 rows: 100 + 11 · 20 + 1,000 = 1,320, too little for 96 candidates.
  EXPECT_THAT(Steps(kCold, 1600),
              ElementsAre("history_events=25", "fused_candidates=0"));
  EXPECT_THAT(Steps(kCold, 1320.1),
              ElementsAre("history_events=12", "fused_candidates=0"));
}

TEST(ServicePlanTest, NothingFits) {
  const absl::Status status = Plan(kCold, 1300).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("1.32 ms"));
  EXPECT_THAT(status.ToString(), HasSubstr("1000 candidates"));
  EXPECT_EQ(Plan(kWarm, -5).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(ServicePlanTest, ReasonsGoFirst) {
  RequestWork work = kWarm;
  work.explained = 10;
  // Twelve encodings of 4,140 µs each.
  EXPECT_TRUE(Plan(work, 60000)->reasons);
  EXPECT_THAT(Steps(work, 60000), IsEmpty());
  EXPECT_THAT(Steps(work, 40000), ElementsAre("reasons=0"));
  EXPECT_THAT(Steps(work, 3100),
              ElementsAre("reasons=0", "fused_candidates=480"));
}

TEST(ServicePlanTest, FewCandidatesAreAllFusedOrNone) {
  const RequestWork work = {.rows = 1, .window_events = 200, .candidates = 20};
  EXPECT_THAT(Steps(work, 200.1), IsEmpty());
  EXPECT_THAT(Steps(work, 199), ElementsAre("fused_candidates=0"));
}

TEST(ServicePlanTest, UnknownCostsPlanEverything) {
  const absl::StatusOr<ServicePlan> plan =
      PlanService(RequestCosts{}, kCold, 1000);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->fused_candidates, 1000);
}

TEST(ServicePlanTest, RetrievalCounts) {
  RequestWork work = kWarm;
  work.retrieves = true;
  EXPECT_THAT(Steps(work, 5600.1), IsEmpty());
  EXPECT_THAT(Steps(work, 5599), ElementsAre("fused_candidates=992"));
}

}  // namespace
}  // namespace attune
