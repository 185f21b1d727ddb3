#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

int Refresh(attune_engine* engine) { return attune_refresh(engine, nullptr); }

class HandleTest : public AbiTest {};

TEST_F(HandleTest, NullAndGarbageAreInvalid) {
  int local = 0;
  for (attune_engine* handle :
       {static_cast<attune_engine*>(nullptr),
        reinterpret_cast<attune_engine*>(&local),
        reinterpret_cast<attune_engine*>(8),
        reinterpret_cast<attune_engine*>(~uintptr_t{0}),
        reinterpret_cast<attune_engine*>(reinterpret_cast<uintptr_t>(engine_) +
                                         2)}) {
    ErrorBox error;
    EXPECT_EQ(attune_refresh(handle, error.get()), ATTUNE_INVALID_HANDLE);
    EXPECT_THAT(error.message(), HasSubstr("handle"));
    EXPECT_EQ(attune_close(handle, error.get()), ATTUNE_INVALID_HANDLE);
  }
  EXPECT_EQ(Refresh(engine_), 0);
}

TEST_F(HandleTest, ClosedTwiceAndUsedAfterClose) {
  attune_engine* engine = Open();
  EXPECT_EQ(attune_close(engine, nullptr), 0);
  EXPECT_EQ(attune_close(engine, nullptr), ATTUNE_INVALID_HANDLE);
  EXPECT_EQ(Refresh(engine), ATTUNE_INVALID_HANDLE);
}

TEST_F(HandleTest, AStaleHandleNeverNamesALaterEngine) {
  attune_engine* stale = Open();
  ASSERT_EQ(attune_close(stale, nullptr), 0);
  for (int i = 0; i < 100; ++i) {
    attune_engine* engine = Open();
    EXPECT_NE(engine, stale);
    EXPECT_EQ(Refresh(stale), ATTUNE_INVALID_HANDLE);
    EXPECT_EQ(attune_close(engine, nullptr), 0);
  }
}

TEST_F(HandleTest, ManyEnginesAtOnce) {
  std::vector<attune_engine*> engines;
  for (int i = 0; i < 50; ++i) engines.push_back(Open());
  for (size_t i = 0; i < engines.size(); i += 2) {
    EXPECT_EQ(attune_close(engines[i], nullptr), 0);
  }
  for (size_t i = 0; i < engines.size(); ++i) {
    EXPECT_EQ(Refresh(engines[i]), i % 2 == 0 ? ATTUNE_INVALID_HANDLE : 0);
  }
  for (size_t i = 1; i < engines.size(); i += 2) {
    EXPECT_EQ(attune_close(engines[i], nullptr), 0);
  }
}

TEST_F(HandleTest, ResultsOutliveTheHandle) {
  BufferBox buffer;
  ASSERT_EQ(attune_stats(engine_, ATTUNE_STATS_JSON, buffer.get(), nullptr), 0);
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  engine_ = nullptr;
  EXPECT_EQ(buffer.bytes(), "{\"requests\": 0}");
}

TEST_F(HandleTest, CloseWaitsForRunningCalls) {
  std::promise<void> entered, leave;
  std::atomic<bool> left = false;
  Behaviour().other = [&](std::string_view) {
    entered.set_value();
    leave.get_future().wait();
    left = true;
    return absl::OkStatus();
  };
  bool left_before_destruction = false;
  Behaviour().destroy = [&] { left_before_destruction = left; };

  std::thread caller([&] { EXPECT_EQ(Refresh(engine_), 0); });
  entered.get_future().wait();
  std::thread closer([&] { EXPECT_EQ(attune_close(engine_, nullptr), 0); });
  // The handle goes out of the registry before the wait; no sleep is needed to
  // see it, and what the closer waits for is still ours to give.
  while (Refresh(reinterpret_cast<attune_engine*>(1)) ==
             ATTUNE_INVALID_HANDLE &&
         attune_stats(engine_, -1, nullptr, nullptr) != ATTUNE_INVALID_HANDLE) {
    std::this_thread::yield();
  }
  EXPECT_EQ(attune_close(engine_, nullptr), ATTUNE_INVALID_HANDLE);
  EXPECT_FALSE(left);
  leave.set_value();
  caller.join();
  closer.join();
  EXPECT_TRUE(left_before_destruction);
  engine_ = nullptr;
}

// Callers and closers race; every call must end as ok or as invalid handle.
TEST_F(HandleTest, CallsRaceWithClose) {
  for (int round = 0; round < 50; ++round) {
    attune_engine* engine = Open();
    std::atomic<int> other = 0, closed = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const char* id = "book";
        const size_t length = 4;
        float score = 0;
        int code = 0;
        while (code == 0) {
          code = attune_rank_ids(engine, "u", 1, &id, &length, 1, &score,
                                 nullptr, nullptr);
        }
        if (code != ATTUNE_INVALID_HANDLE) ++other;
      });
    }
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        if (attune_close(engine, nullptr) == 0) ++closed;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(other, 0);
    EXPECT_EQ(closed, 1);
  }
}

TEST_F(HandleTest, ShutdownNeedsAllClosedAndOpensAgain) {
  ErrorBox error;
  EXPECT_EQ(attune_shutdown(error.get()), ATTUNE_FAILED_PRECONDITION);
  EXPECT_THAT(error.message(), HasSubstr("1 engine(s) open"));
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  EXPECT_EQ(attune_shutdown(error.get()), 0) << error.message();
  EXPECT_EQ(attune_shutdown(error.get()), 0);
  engine_ = Open();
  EXPECT_EQ(Refresh(engine_), 0);
}

TEST_F(HandleTest, AFailedOpenDoesNotCountAsOpen) {
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  engine_ = nullptr;
  Behaviour().open = [](const EngineOptions&) {
    return absl::NotFoundError("no database");
  };
  const std::string json = R"({"database": "d"})";
  attune_engine* engine = nullptr;
  EXPECT_EQ(attune_open(json.data(), json.size(), nullptr, &engine, nullptr),
            ATTUNE_NOT_FOUND);
  EXPECT_EQ(attune_shutdown(nullptr), 0);
}

}  // namespace
}  // namespace attune
