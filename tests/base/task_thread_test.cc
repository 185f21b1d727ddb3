#include "base/task_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace attune {
namespace {

TEST(TaskThreadTest, WorksOffWhatWasTakenOnInItsOrder) {
  std::vector<int> done;
  {
    TaskThread thread;
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(thread.Add([&done, i] { done.push_back(i); }).ok());
    }
  }
  ASSERT_EQ(done.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<size_t>(i)], i);
}

TEST(TaskThreadTest, IsBusyWhileATaskRunsAndRestsBehindIt) {
  TaskThread thread;
  EXPECT_FALSE(thread.busy());
  std::promise<void> finish;
  ASSERT_TRUE(thread.Add([&] { finish.get_future().wait(); }).ok());
  EXPECT_TRUE(thread.busy());
  finish.set_value();
  while (thread.busy()) std::this_thread::yield();
  std::promise<void> again;
  ASSERT_TRUE(thread.Add([&] { again.set_value(); }).ok());
  again.get_future().wait();
}

TEST(TaskThreadTest, ATaskMayAddAnother) {
  std::promise<void> second;
  TaskThread thread;
  ASSERT_TRUE(thread
                  .Add([&] {
                    EXPECT_TRUE(thread.Add([&] { second.set_value(); }).ok());
                  })
                  .ok());
  second.get_future().wait();
}

}  // namespace
}  // namespace attune
