#include "engine/publish_pacer.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

using std::chrono::milliseconds;

TEST(PaceTest, ItemsTakeTheirTime) {
  const Pace::TimePoint start{milliseconds(5000)};
  Pace pace(100);
  EXPECT_EQ(pace.Begin(start, 32), start);
  EXPECT_EQ(pace.Begin(start + milliseconds(7), 10), start + milliseconds(320));
  EXPECT_EQ(pace.Begin(start + milliseconds(330), 0),
            start + milliseconds(420));
  EXPECT_EQ(pace.Begin(start + milliseconds(330), 5),
            start + milliseconds(420));
}

TEST(PaceTest, UnusedTimeIsNotMadeUpFor) {
  const Pace::TimePoint start{milliseconds(5000)};
  Pace pace(100);
  pace.Begin(start, 1);
  const Pace::TimePoint later = start + milliseconds(60000);
  EXPECT_EQ(pace.Begin(later, 50), later);
  EXPECT_EQ(pace.Begin(later, 50), later + milliseconds(500));
}

TEST(PaceTest, ZeroIsNoLimit) {
  const Pace::TimePoint start{milliseconds(5000)};
  Pace pace(0);
  pace.Begin(start, 1'000'000);
  EXPECT_EQ(pace.Begin(start, 1'000'000), start);
}

TEST(PublishGateTest, OnlyRunningPublicationsAreCancelled) {
  PublishGate gate;
  const PublishGate::Ticket before = gate.Enter();
  EXPECT_TRUE(gate.WaitUntil(before, Pace::TimePoint::min()).ok());
  gate.Cancel();
  EXPECT_EQ(gate.WaitUntil(before, Pace::TimePoint::max()).code(),
            absl::StatusCode::kCancelled);
  const PublishGate::Ticket after = gate.Enter();
  EXPECT_TRUE(gate.WaitUntil(after, Pace::TimePoint::min()).ok());
  gate.Close();
  EXPECT_EQ(gate.WaitUntil(after, Pace::TimePoint::max()).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(gate.WaitUntil(gate.Enter(), Pace::TimePoint::min()).code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace attune
