// What libattune.so does to the process that loads it: its threads, signals,
// descriptors, floating-point state and children.
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cfenv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "tests/plugins/boxes.h"
#include "tests/plugins/shop_test_base.h"

namespace attune {
namespace {

int CountEntries(const char* path) {
  int count = 0;
  DIR* directory = opendir(path);
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(directory);
  return count;
}
int Threads() { return CountEntries("/proc/self/task"); }
int Descriptors() { return CountEntries("/proc/self/fd"); }

class ProcessLifeTest : public ShopTest {};

#if defined(__x86_64__)
TEST_F(ProcessLifeTest, AHostWithFlushToZeroGetsTheSameScores) {
  engine_ = Open();
  const std::vector<float> expected =
      RankIds(engine_, "user-4", ATTUNE_RANK_WITHOUT_STATE);
  const unsigned int before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  std::fesetround(FE_UPWARD);
  const std::vector<float> scores =
      RankIds(engine_, "user-4", ATTUNE_RANK_WITHOUT_STATE);
  const unsigned int after = _mm_getcsr();
  const int rounding = std::fegetround();
  std::fesetround(FE_TONEAREST);
  _mm_setcsr(before);
  EXPECT_EQ(scores, expected);
  EXPECT_EQ(after & 0x8040, 0x8040u);
  EXPECT_EQ(rounding, FE_UPWARD);
}
#endif

// The stack that attune.h asks for.

TEST_F(ProcessLifeTest, RanksOnAThreadOfASmallStack) {
  engine_ = Open();
  const std::vector<float> expected = RankIds(engine_, "user-5");
  struct Work {
    std::function<void()> run;
  } work;
  std::vector<float> scores;
  work.run = [&] {
    scores = RankIds(engine_, "user-5", ATTUNE_RANK_WITHOUT_STATE);
    v1::RankRequest request = Request("user-5");
    request.set_explain(true);
    Rank(engine_, request);
    const std::string click = ClickBytes("user-5b", "item-1", TinyShop::kNowMs);
    EXPECT_EQ(
        attune_put_events(engine_, click.data(), click.size(), 0, nullptr), 0);
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 << 10), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void* argument) -> void* {
                  static_cast<Work*>(argument)->run();
                  return nullptr;
                },
                &work),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  ASSERT_EQ(scores.size(), expected.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    EXPECT_NEAR(scores[i], expected[i], 1e-4f) << i;
  }
}

TEST_F(ProcessLifeTest, SeveralEnginesInOneProcess) {
  std::vector<std::string> copies;
  for (int i = 0; i < 3; ++i) {  // while nothing has it open
    copies.push_back(shop_->directory() + "/copy" + std::to_string(i));
    std::filesystem::copy(shop_->database(), copies.back(),
                          std::filesystem::copy_options::recursive);
  }
  engine_ = Open();
  const std::vector<float> expected = RankIds(engine_, "user-1");
  std::vector<attune_engine*> engines;
  for (const std::string& copy : copies) {
    engines.push_back(OpenAt(copy));
  }
  const std::string click =
      ClickBytes("user-1", "item-5", TinyShop::kNowMs - 1);
  EXPECT_EQ(
      attune_put_events(engines[0], click.data(), click.size(), 0, nullptr), 0);
  EXPECT_NE(RankIds(engines[0], "user-1"), expected);
  EXPECT_EQ(RankIds(engines[1], "user-1"), expected);
  for (attune_engine* engine : engines) {
    EXPECT_EQ(attune_close(engine, nullptr), 0);
  }
  EXPECT_EQ(RankIds(engine_, "user-1"), expected);
}

// Every thread but the host's blocks every signal that can be blocked, those
// that RocksDB starts for a flush included.
TEST_F(ProcessLifeTest, TheLibrarysThreadsTakeNoSignals) {
  const int before = Threads();
  // A new one: nothing to flush while it is opened.
  engine_ = OpenAt(shop_->directory() + "/fresh",
                   R"(, "create": true, "memory_limit_mb": 64)");
  v1::PutItemsRequest items;
  for (int i = 0; i < 200; ++i) {
    v1::Item* item = items.add_items();
    item->set_item_id("long-" + std::to_string(i));
    item->set_description(std::string(20000, 'a' + i % 26));
  }
  const std::string bytes = items.SerializeAsString();
  for (int round = 0; round < 5; ++round) {
    ErrorBox error;
    ASSERT_EQ(
        attune_put_items(engine_, bytes.data(), bytes.size(), 0, error.get()),
        0)
        << error.message();
  }
  const int during = Threads();
  EXPECT_GT(during, before) << "the test saw no thread of the library";
  int open_to_signals = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream status("/proc/self/task/" + std::string(entry->d_name) +
                         "/status");
    std::string line;
    while (std::getline(status, line)) {
      if (!line.starts_with("SigBlk:")) continue;
      const uint64_t mask = std::stoull(line.substr(7), nullptr, 16);
      const uint64_t wanted = 1ull << (SIGINT - 1) | 1ull << (SIGTERM - 1) |
                              1ull << (SIGUSR1 - 1) | 1ull << (SIGHUP - 1);
      if ((mask & wanted) != wanted) ++open_to_signals;
    }
  }
  closedir(tasks);
  EXPECT_LE(open_to_signals, before);
}

TEST_F(ProcessLifeTest, ShutdownLeavesNoThreadNorDescriptor) {
  ASSERT_EQ(attune_shutdown(nullptr), 0);
  const int threads = Threads();
  const int descriptors = Descriptors();
  for (int round = 0; round < 3; ++round) {
    attune_engine* engine = Open(R"(, "threads": 2)");
    const std::vector<float> expected = RankIds(engine, "user-1");
    std::thread([&] { EXPECT_EQ(RankIds(engine, "user-1"), expected); }).join();
    const std::string model = shop_->model();
    EXPECT_EQ(attune_reload_model(engine, model.data(), model.size(), nullptr),
              0);
    EXPECT_EQ(attune_close(engine, nullptr), 0);
    ErrorBox error;
    EXPECT_EQ(attune_shutdown(error.get()), 0) << error.message();
    EXPECT_EQ(Threads(), threads);
    EXPECT_EQ(Descriptors(), descriptors);
  }
}

// A batch on several threads, asked for by host threads that live on: the last
// close ends every thread of the library all the same.

TEST_F(ProcessLifeTest, CloseEndsTheThreadsOfABatchWhileTheHostsLive) {
  v1::RankBatchRequest batch;
  for (int u = 0; u < 24; ++u) {
    *batch.add_requests() = Request(TinyShop::UserId(u));
    batch.mutable_requests(u)->set_without_state(true);
  }
  const std::string bytes = batch.SerializeAsString();
  const auto rank_batch = [&](attune_engine* engine) {
    BufferBox buffer;
    EXPECT_EQ(attune_rank_batch(engine, bytes.data(), bytes.size(), nullptr,
                                buffer.get(), nullptr),
              0);
    return std::string(buffer.bytes());
  };
  engine_ = Open();
  const std::string expected = rank_batch(engine_);
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  engine_ = nullptr;

  std::promise<void> asked[2], closed;
  const std::shared_future<void> end = closed.get_future().share();
  attune_engine* engine = nullptr;
  std::promise<void> opened;
  const std::shared_future<void> begin = opened.get_future().share();
  std::vector<std::thread> hosts;
  for (std::promise<void>& done : asked) {
    hosts.emplace_back([&, begin, end] {
      begin.wait();
      EXPECT_EQ(rank_batch(engine), expected);
      done.set_value();
      end.wait();
    });
  }
  const int before = Threads();
  engine = Open(R"(, "threads": 4)");
  opened.set_value();
  for (std::promise<void>& done : asked) done.get_future().wait();
  EXPECT_EQ(attune_close(engine, nullptr), 0);
  EXPECT_EQ(Threads(), before);
  closed.set_value();
  for (std::thread& host : hosts) host.join();
}

TEST_F(ProcessLifeTest, AChildThatForksFromAnUnusedLibraryRanks) {
  engine_ = Open();
  const std::vector<float> expected = RankIds(engine_, "user-2");
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  engine_ = nullptr;
  ASSERT_EQ(attune_shutdown(nullptr), 0);
  const pid_t child = fork();
  if (child == 0) {
    attune_engine* engine = Open();
    const bool same = RankIds(engine, "user-2") == expected;
    const bool closed = attune_close(engine, nullptr) == 0;
    _exit(same && closed && attune_shutdown(nullptr) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// examples/host on this database: several threads, arriving events, reloads,
// dlclose, and all of it again.

TEST_F(ProcessLifeTest, TheExampleHostIsContent) {
  const std::string command =
      std::string("\"") + ATTUNE_TEST_HOST + "\" \"" + ATTUNE_TEST_LIBRARY +
      "\" \"" + shop_->database() + "\" \"" + shop_->model() + "\"";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

TEST_F(ProcessLifeTest, NothingIsPrinted) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  {
    attune_engine* engine = Open(R"(, "threads": 64)");
    RankIds(engine, "user-1");
    const std::string model = shop_->model();
    EXPECT_EQ(attune_reload_model(engine, model.data(), model.size(), nullptr),
              0);
    EXPECT_NE(attune_reload_model(engine, "/nothing", 8, nullptr), 0);
    EXPECT_EQ(attune_close(engine, nullptr), 0);
  }
  const std::string out = ::testing::internal::GetCapturedStdout();
  const std::string err = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(out, "");
  EXPECT_EQ(err, "");
}

}  // namespace
}  // namespace attune
