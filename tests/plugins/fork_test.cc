#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

/// The exit status of a child that runs `body`; its result is the status.
template <typename Body>
int InChild(const Body& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class ForkTest : public AbiTest {};

TEST_F(ForkTest, EveryCallIsRefusedInTheChild) {
  const std::string json = R"({"database": "d"})";
  EXPECT_EQ(
      InChild([&] {
        int wrong = 0;
        const auto expect = [&](int code) {
          if (code != ATTUNE_FORKED) ++wrong;
        };
        char text[128] = "";
        attune_error error = {};
        error.struct_size = sizeof(error);
        error.message = text;
        error.message_capacity = sizeof(text);
        attune_engine* engine = nullptr;
        const char* id = "i";
        const size_t length = 1;
        float score = 0;
        attune_buffer buffer = {};
        buffer.struct_size = sizeof(buffer);
        expect(attune_refresh(engine_, &error));
        if (std::strstr(text, "fork") == nullptr) ++wrong;
        expect(
            attune_open(json.data(), json.size(), nullptr, &engine, nullptr));
        expect(attune_rank(engine_, nullptr, 0, nullptr, &buffer, nullptr));
        expect(
            attune_rank_batch(engine_, nullptr, 0, nullptr, &buffer, nullptr));
        expect(attune_rank_ids(engine_, "u", 1, &id, &length, 1, &score,
                               nullptr, nullptr));
        expect(attune_put_items(engine_, nullptr, 0, 0, nullptr));
        expect(attune_put_users(engine_, nullptr, 0, 0, nullptr));
        expect(attune_put_events(engine_, nullptr, 0, 0, nullptr));
        expect(attune_delete_item(engine_, "i", 1, nullptr));
        expect(attune_delete_user(engine_, "u", 1, nullptr));
        expect(attune_delete_user_events(engine_, "u", 1, nullptr, 0, nullptr));
        expect(attune_prefetch_user(engine_, "u", 1, nullptr, 0, nullptr));
        expect(attune_reload_model(engine_, "m", 1, nullptr));
        expect(attune_rollback_model(engine_, nullptr));
        expect(attune_stats(engine_, 0, &buffer, nullptr));
        expect(attune_close(engine_, nullptr));
        expect(attune_shutdown(nullptr));
        if (attune_abi_version() != ATTUNE_ABI_VERSION) ++wrong;
        return wrong;
      }),
      0);
  EXPECT_EQ(attune_refresh(engine_, nullptr), 0);
}

// The parent's threads hold locks in the moment of the fork; the child must not
// wait for them.
TEST_F(ForkTest, NoWaitForLocksOfTheParentsThreads) {
  std::atomic<bool> stop = false;
  std::thread opener([&] {
    while (!stop) attune_close(Open(), nullptr);
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(InChild([&] { return attune_refresh(engine_, nullptr); }),
              ATTUNE_FORKED);
  }
  stop = true;
  opener.join();
}

TEST_F(ForkTest, ResultsCanBeFreedInTheChild) {
  attune_buffer buffer = {};
  buffer.struct_size = sizeof(buffer);
  ASSERT_EQ(attune_stats(engine_, 0, &buffer, nullptr), 0);
  EXPECT_EQ(InChild([&] {
              attune_buffer_free(&buffer);
              return buffer.data == nullptr ? 0 : 1;
            }),
            0);
  attune_buffer_free(&buffer);
}

// A server that loads the library, forks its workers, and opens in each.
TEST_F(ForkTest, ChildOfAnUnusedLibraryOpens) {
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  engine_ = nullptr;
  EXPECT_EQ(InChild([] { return attune_refresh(nullptr, nullptr); }),
            ATTUNE_FORKED)
      << "closed, but the library's threads were not ended";
  ASSERT_EQ(attune_shutdown(nullptr), 0);
  EXPECT_EQ(InChild([] {
              const std::string json = R"({"database": "d"})";
              attune_engine* engine = nullptr;
              int code = attune_open(json.data(), json.size(), nullptr, &engine,
                                     nullptr);
              if (code == 0) code = attune_refresh(engine, nullptr);
              if (code == 0) code = attune_close(engine, nullptr);
              if (code == 0) code = attune_shutdown(nullptr);
              return code;
            }),
            0);
}

// What failed to open was not used: a child may.
TEST_F(ForkTest, AFailedOpenDoesNotBindTheLibraryToTheProcess) {
  ASSERT_EQ(attune_close(engine_, nullptr), 0);
  engine_ = nullptr;
  ASSERT_EQ(attune_shutdown(nullptr), 0);
  bool fails = true;
  Behaviour().open = [&](const EngineOptions&) {
    return fails ? absl::NotFoundError("no database") : absl::OkStatus();
  };
  const std::string json = R"({"database": "d"})";
  const auto open_code = [&] {
    attune_engine* engine = nullptr;
    const int code =
        attune_open(json.data(), json.size(), nullptr, &engine, nullptr);
    return code == 0 ? attune_close(engine, nullptr) : code;
  };
  ASSERT_EQ(open_code(), ATTUNE_NOT_FOUND);
  EXPECT_EQ(InChild([&] {
              fails = false;
              return open_code();
            }),
            0);
  // Nor does it end the use of an engine that was open before.
  fails = false;
  ASSERT_EQ(open_code(), 0);
  fails = true;
  ASSERT_EQ(open_code(), ATTUNE_NOT_FOUND);
  EXPECT_EQ(InChild(open_code), ATTUNE_FORKED);
}

}  // namespace
}  // namespace attune
