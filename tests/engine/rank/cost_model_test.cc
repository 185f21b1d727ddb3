#include "engine/rank/cost_model.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace attune {
namespace {

TEST(CostModelTest, MeansFollowWhatIsMeasured) {
  CostModel model;
  for (int i = 0; i < 200; ++i) {
    model.NoteUser(1, 50'000);
    model.NoteUser(101, 1'050'000);
    model.NoteRead(500, 250'000);
    model.NoteFusion(500, 1'000'000);
    model.NoteRetrieval(70'000);
  }
  const RequestCosts costs = model.costs();
  EXPECT_NEAR(costs.fixed, 50'000, 1);
  EXPECT_NEAR(costs.encoded_row, 10'000, 1);
  EXPECT_NEAR(costs.read_candidate, 500, 1);
  EXPECT_NEAR(costs.fused_candidate, 2'000, 1);
  EXPECT_NEAR(costs.retrieval, 70'000, 1);
  for (int i = 0; i < 200; ++i) model.NoteFusion(500, 4'000'000);
  EXPECT_NEAR(model.costs().fused_candidate, 8'000, 1);
}

TEST(CostModelTest, OneStrayMeasurementMovesLittle) {
  CostModel model(RequestCosts{.fused_candidate = 1000});
  model.NoteFusion(100, 1'000'000'000);
  EXPECT_NEAR(model.costs().fused_candidate, 1500, 1);
}

TEST(CostModelTest, SmallRequestsSayNothingOfTheSlope) {
  CostModel model(RequestCosts{.encoded_row = 5, .fused_candidate = 1000});
  model.NoteFusion(3, 1'000'000);
  model.NoteRead(3, 1'000'000);
  model.NoteUser(4, 1'000'000);
  EXPECT_EQ(model.costs().fused_candidate, 1000);
  EXPECT_EQ(model.costs().read_candidate, 0);
  EXPECT_EQ(model.costs().encoded_row, 5);
}

TEST(CostModelTest, CallersMayMeet) {
  CostModel model(RequestCosts{.fused_candidate = 1000});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) model.NoteFusion(100, 100'000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NEAR(model.costs().fused_candidate, 1000, 1);
}

}  // namespace
}  // namespace attune
