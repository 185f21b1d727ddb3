#include "base/patient_lock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>
#include <vector>

namespace attune {
namespace {

using std::chrono::steady_clock;

TEST(PatientLockTest, OneHolderAtATime) {
  PatientLock lock;
  int inside = 0, most = 0, count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const ExecutionContext context;
      for (int i = 0; i < 500; ++i) {
        PatientLock::Hold hold;
        ASSERT_TRUE(hold.Acquire(lock, context).ok());
        most = std::max(most, ++inside);
        ++count;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(count, 2000);
}

TEST(PatientLockTest, AWaiterGivesUpAtItsDeadline) {
  PatientLock lock;
  PatientLock::Hold first;
  ASSERT_TRUE(first.Acquire(lock, ExecutionContext()).ok());
  ExecutionContext hurried;
  hurried.deadline = steady_clock::now() + std::chrono::milliseconds(20);
  PatientLock::Hold second;
  EXPECT_EQ(second.Acquire(lock, hurried).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(steady_clock::now(), hurried.deadline);
}

TEST(PatientLockTest, AWaiterSeesItsFlag) {
  PatientLock lock;
  PatientLock::Hold first;
  ASSERT_TRUE(first.Acquire(lock, ExecutionContext()).ok());
  int32_t flag = 0;
  std::promise<void> begun;
  auto waiter = std::async(std::launch::async, [&] {
    ExecutionContext context;
    context.cancelled = CancelFlag::OfWord(&flag);
    PatientLock::Hold second;
    begun.set_value();
    return second.Acquire(lock, context);
  });
  begun.get_future().wait();
  __atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
  EXPECT_EQ(waiter.get().code(), absl::StatusCode::kCancelled);
}

TEST(PatientLockTest, AReleaseWakesTheWaiter) {
  PatientLock lock;
  auto first = std::make_unique<PatientLock::Hold>();
  ASSERT_TRUE(first->Acquire(lock, ExecutionContext()).ok());
  std::promise<void> begun;
  auto waiter = std::async(std::launch::async, [&] {
    PatientLock::Hold second;
    begun.set_value();
    return second.Acquire(lock, ExecutionContext());
  });
  begun.get_future().wait();
  first.reset();
  EXPECT_TRUE(waiter.get().ok());
}

}  // namespace
}  // namespace attune
