#include "base/parallel.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace attune {
namespace {

int Threads() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(tasks);
  return count;
}

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

// Also while a thread that used the pool lives on, as a host's threads do.
TEST(ParallelTest, TheLastPoolTakesTheWorkersWithIt) {
  std::thread([] {}).join();  // a sanitizer starts its own with the first
  const int before = Threads();
  auto first = std::make_unique<ThreadPool>(2);
  auto second = std::make_unique<ThreadPool>(2);
  const int shared = Threads();
  EXPECT_LE(shared, before + 1) << "two pools of two share one worker";
  std::atomic<int> sum = 0;
  first->ParallelFor(100, [&](int64_t) { sum.fetch_add(1); });
  first.reset();
  second->ParallelFor(100, [&](int64_t) { sum.fetch_add(1); });
  EXPECT_EQ(sum.load(), 200);
  EXPECT_EQ(Threads(), shared);
  second.reset();
  EXPECT_EQ(Threads(), before);
}

TEST(ParallelTest, WorkersTakeNoSignals) {
  ThreadPool pool(2);
  std::atomic<int> open = 0;
  const std::thread::id caller = std::this_thread::get_id();
  pool.ParallelFor(1000, [&](int64_t) {
    if (std::this_thread::get_id() == caller) return;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    if (!sigismember(&mask, SIGINT)) open.fetch_add(1);
  });
  EXPECT_EQ(open.load(), 0);
}

TEST(ParallelTest, WhatABodyThrowsReachesTheCaller) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.ParallelFor(1000,
                                [&](int64_t i) {
                                  if (i == 500) {
                                    throw std::runtime_error("no memory");
                                  }
                                }),
               std::runtime_error);
  std::atomic<int> sum = 0;
  pool.ParallelFor(10, [&](int64_t) { sum.fetch_add(1); });
  EXPECT_EQ(sum.load(), 10);
}

TEST(ParallelTest, CallsMayBeNestedAndSideBySide) {
  ThreadPool pool(2);
  std::atomic<int> sum = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        pool.ParallelFor(4, [&](int64_t) {
          pool.ParallelFor(4, [&](int64_t) { sum.fetch_add(1); });
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4 * 50 * 16);
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
