#include "base/stage_clock.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace attune {
namespace {

constexpr size_t kRead = static_cast<size_t>(Stage::kRead);
constexpr size_t kDecode = static_cast<size_t>(Stage::kDecode);
constexpr size_t kFuse = static_cast<size_t>(Stage::kFuse);

int64_t Sum(const StageTimes& times) {
  return std::accumulate(times.begin(), times.end(), int64_t{0});
}

void Wait(int64_t duration_ns) {
  const int64_t end_ns = MonotonicNs() + duration_ns;
  while (MonotonicNs() < end_ns) {
  }
}

TEST(StageClockTest, LapsAddUpToTheWhole) {
  StageClock clock;
  const int64_t start_ns = MonotonicNs();
  clock.Start(start_ns);
  Wait(20000);
  clock.Lap(Stage::kRead);
  Wait(1000);
  clock.Lap(Stage::kFuse);
  Wait(20000);
  clock.Lap(Stage::kRead);
  const int64_t whole_ns = MonotonicNs() - start_ns;
  EXPECT_GE(clock.times()[kRead], 40000);
  EXPECT_GE(clock.times()[kFuse], 1000);
  EXPECT_EQ(clock.times()[kDecode], 0);
  EXPECT_GE(Sum(clock.times()), 41000);
  EXPECT_LE(Sum(clock.times()), whole_ns);
}

TEST(StageClockTest, CountsNothingUnlessItRuns) {
  StageClock clock;
  clock.Lap(Stage::kRead);
  clock.LapAs({1, 1, 1, 1, 1, 1});
  EXPECT_EQ(Sum(clock.times()), 0);
  clock.Start(MonotonicNs());
  Wait(1000);
  clock.Lap(Stage::kRead);
  clock.Stop();
  const int64_t before = Sum(clock.times());
  EXPECT_GT(before, 0);
  clock.Lap(Stage::kRead);
  EXPECT_EQ(Sum(clock.times()), before);
  clock.Start(MonotonicNs());
  EXPECT_EQ(Sum(clock.times()), 0);
}

TEST(StageClockTest, SplitsTheTimeOfManyThreadsAsTheirWorkWas) {
  StageClock clock;
  clock.Start(MonotonicNs());
  Wait(40000);
  StageTimes work = {};
  work[kDecode] = 3000;  // of two threads, say
  work[kFuse] = 1000;
  clock.LapAs(work);
  EXPECT_GE(Sum(clock.times()), 39998);
  EXPECT_NEAR(static_cast<double>(clock.times()[kDecode]),
              3.0 * static_cast<double>(clock.times()[kFuse]), 4);
  EXPECT_EQ(clock.times()[kRead], 0);
}

TEST(StageClockTest, EveryStageHasAName) {
  std::set<std::string_view> names;
  for (size_t s = 0; s < kRequestStages; ++s) {
    names.insert(StageName(static_cast<Stage>(s)));
  }
  EXPECT_EQ(names.size(), kRequestStages);
  EXPECT_EQ(names.count(""), 0);
}

}  // namespace
}  // namespace attune
