#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace attune {
namespace {

TEST(ParallelTest, EveryTaskRunsOnce) {
  ThreadPool pool(2);
  std::vector<std::atomic<int>> hits(1000);
  pool.ParallelFor(1000, [&](int64_t i) { hits[i].fetch_add(1); });
  for (auto& hit : hits) EXPECT_EQ(hit.load(), 1);
}

TEST(ParallelTest, MoreThreadsThanCoresDoTheWorkWithoutAWord) {
  testing::internal::CaptureStderr();
  ThreadPool pool(AvailableCores() + 5);
  EXPECT_EQ(pool.threads(), AvailableCores() + 5);
  std::atomic<int> sum = 0;
  pool.ParallelFor(1000, [&](int64_t) { sum.fetch_add(1); });
  EXPECT_EQ(sum.load(), 1000);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ParallelTest, NestedSerialRunsInline) {
  int depth = 0;
  RunSerial([&] { RunSerial([&] { ++depth; }); });
  EXPECT_EQ(depth, 1);
}

TEST(ParallelTest, ManyCallersShareTheProcess) {
  std::atomic<int> sum = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) RunSerial([&] { sum.fetch_add(1); });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 800);
}

}  // namespace
}  // namespace attune
