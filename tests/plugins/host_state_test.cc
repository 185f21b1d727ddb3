// The host's world before and after a call, and its lack of influence on
// scores.
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cfenv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

std::string Environment() {
  std::string all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    all += std::string(*entry) + "\n";
  }
  return all;
}

std::string SignalHandlers() {
  std::string all;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0) continue;
    all += std::to_string(signal) + ":" +
           std::to_string(reinterpret_cast<uintptr_t>(action.sa_handler)) +
           ":" + std::to_string(action.sa_flags) + " ";
  }
  return all;
}

class HostStateTest : public AbiTest {
 protected:
  /// One call of every kind that computes, writes, or starts a thread.
  void CallEverything() {
    float score = 0;
    ErrorBox error;
    EXPECT_EQ(RankOneId(nullptr, &score, &error), 0);
    EXPECT_EQ(score, FakeScore("reader", "book"));
    v1::RankResponse response;
    EXPECT_EQ(Rank({}, &response, &error), 0);
    attune_engine* engine = Open();
    EXPECT_EQ(attune_put_items(engine, nullptr, 0, 0, nullptr), 0);
    EXPECT_EQ(attune_reload_model(engine, "m", 1, nullptr), 0);
    EXPECT_EQ(attune_refresh(engine, nullptr), 0);
    EXPECT_EQ(attune_close(engine, nullptr), 0);
    EXPECT_EQ(attune_refresh(nullptr, nullptr), ATTUNE_INVALID_HANDLE);
    const char garbage[] = "\xff\xff\xff";
    EXPECT_EQ(attune_put_items(engine_, garbage, 3, 0, nullptr),
              ATTUNE_INVALID_ARGUMENT);
  }
};

TEST_F(HostStateTest, ProcessIsLeftAlone) {
  const std::string environment = Environment();
  const std::string handlers = SignalHandlers();
  char directory[4096], directory_after[4096];
  ASSERT_NE(getcwd(directory, sizeof(directory)), nullptr);
  const mode_t mask = umask(022);
  umask(mask);
  CallEverything();
  EXPECT_EQ(Environment(), environment);
  EXPECT_EQ(SignalHandlers(), handlers);
  ASSERT_NE(getcwd(directory_after, sizeof(directory_after)), nullptr);
  EXPECT_STREQ(directory, directory_after);
  const mode_t mask_after = umask(mask);
  EXPECT_EQ(mask, mask_after);
}

TEST_F(HostStateTest, ErrnoAndCancellation) {
  int state = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
  Behaviour().other = [](std::string_view) {
    errno = EIO;
    int inside = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &inside);
    EXPECT_EQ(inside, PTHREAD_CANCEL_DISABLE);
    return absl::OkStatus();
  };
  errno = ENOTTY;
  EXPECT_EQ(attune_refresh(engine_, nullptr), 0);
  EXPECT_EQ(errno, ENOTTY);
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
  EXPECT_EQ(state, PTHREAD_CANCEL_ENABLE);
}

// A thread that is cancelled while it is in a call ends after it, not in it:
// the forced unwinding through noexcept code would abort the process.
TEST_F(HostStateTest, CancelledThreadFinishesItsCall) {
  bool finished = false;
  Behaviour().other = [&](std::string_view) {
    pthread_cancel(pthread_self());
    pthread_testcancel();
    finished = true;
    return absl::OkStatus();
  };
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* engine) -> void* {
                  attune_refresh(static_cast<attune_engine*>(engine), nullptr);
                  pthread_testcancel();
                  return nullptr;
                },
                engine_),
            0);
  void* result = nullptr;
  pthread_join(thread, &result);
  EXPECT_TRUE(finished);
  EXPECT_EQ(result, PTHREAD_CANCELED);
}

TEST_F(HostStateTest, SignalMask) {
  sigset_t host, before, after;
  sigemptyset(&host);
  sigaddset(&host, SIGUSR1);
  sigaddset(&host, SIGHUP);
  pthread_sigmask(SIG_SETMASK, &host, &before);
  CallEverything();
  pthread_sigmask(SIG_SETMASK, &before, &after);
  for (int signal = 1; signal < 32; ++signal) {
    EXPECT_EQ(sigismember(&after, signal), sigismember(&host, signal))
        << signal;
  }
}

// What may start threads runs where all signals are blocked, for its threads
// inherit that; the caller's own thread does not block meanwhile.
TEST_F(HostStateTest, ThreadsOfTheLibraryTakeNoSignals) {
  std::map<std::string, bool> blocked;
  const auto look = [&](std::string_view name) {
    sigset_t mask;
    std::thread([&] { pthread_sigmask(SIG_SETMASK, nullptr, &mask); }).join();
    blocked[std::string(name)] = sigismember(&mask, SIGINT) == 1 &&
                                 sigismember(&mask, SIGTERM) == 1 &&
                                 sigismember(&mask, SIGUSR1) == 1;
    return absl::OkStatus();
  };
  Behaviour().open = [&](const EngineOptions&) { return look("open"); };
  Behaviour().other = look;
  attune_engine* engine = Open();
  EXPECT_EQ(attune_reload_model(engine, "m", 1, nullptr), 0);
  EXPECT_EQ(attune_rollback_model(engine, nullptr), 0);
  EXPECT_EQ(attune_close(engine, nullptr), 0);
  const std::map<std::string, bool> expected = {
      {"open", true}, {"ReloadModel", true}, {"RollbackModel", true}};
  EXPECT_EQ(blocked, expected);
}

TEST_F(HostStateTest, LocaleOfThreadAndProcess) {
  // One with a decimal comma where it is installed, else one that differs from
  // "C" by the length of a character.
  locale_t host = newlocale(LC_ALL_MASK, "de_DE.UTF-8", nullptr);
  if (host == nullptr) host = newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  ASSERT_NE(host, nullptr);
  const std::string process = setlocale(LC_ALL, nullptr);
  const locale_t before = uselocale(host);
  std::string shown;
  size_t longest = 0;
  Behaviour().other = [&](std::string_view) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.1f", 0.5);
    shown = text;
    longest = MB_CUR_MAX;
    return absl::OkStatus();
  };
  EXPECT_EQ(attune_refresh(engine_, nullptr), 0);
  Behaviour().other = nullptr;
  CallEverything();
  EXPECT_EQ(uselocale(nullptr), host);
  uselocale(before);
  EXPECT_EQ(setlocale(LC_ALL, nullptr), process);
  EXPECT_EQ(shown, "0.5");
  EXPECT_EQ(longest, 1u);
  freelocale(host);
}

TEST_F(HostStateTest, RoundingAndFlags) {
  std::feclearexcept(FE_ALL_EXCEPT);
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  float score = 0;
  ErrorBox error;
  const int code = RankOneId(nullptr, &score, &error);
  const int rounding = std::fegetround();
  const int flags = std::fetestexcept(FE_ALL_EXCEPT);
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(rounding, FE_UPWARD);
  EXPECT_EQ(flags, 0) << "the call's inexact results are not the host's";
  EXPECT_EQ(score, FakeScore("reader", "book"));

  std::feraiseexcept(FE_OVERFLOW);
  EXPECT_EQ(RankOneId(nullptr, &score, &error), 0);
  EXPECT_EQ(std::fetestexcept(FE_OVERFLOW), FE_OVERFLOW);
  std::feclearexcept(FE_ALL_EXCEPT);
}

#if defined(__x86_64__)
TEST_F(HostStateTest, FlushToZeroHostGetsTheSameScores) {
  const unsigned int before = _mm_getcsr();
  const float expected = FakeScore("reader", "book");
  _mm_setcsr(before | 0x8040);  // FTZ and DAZ
  const float flushed = FakeScore("reader", "book");
  float score = 0;
  ErrorBox error;
  const int code = RankOneId(nullptr, &score, &error);
  const unsigned int after = _mm_getcsr();
  float from_open = 0;
  Behaviour().open = [&](const EngineOptions&) {
    std::thread([&] { from_open = FakeScore("reader", "book"); }).join();
    return absl::OkStatus();
  };
  attune_engine* engine = Open();
  attune_close(engine, nullptr);
  _mm_setcsr(before);
  EXPECT_EQ(code, 0);
  EXPECT_NE(flushed, expected) << "the fake does not see the mode";
  EXPECT_EQ(score, expected);
  EXPECT_EQ(from_open, expected) << "a thread of the library inherits the mode";
  EXPECT_EQ(after & 0xFFC0, (before | 0x8040) & 0xFFC0);
}
#endif

TEST_F(HostStateTest, NothingIsPrinted) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  CallEverything();
  // Bad UTF-8 in a string field makes the protobuf library print.
  const std::string bad("\x0a\x02\xff\xfe", 4);
  BufferBox buffer;
  const int code = attune_rank(engine_, bad.data(), bad.size(), nullptr,
                               buffer.get(), nullptr);
  const std::string out = ::testing::internal::GetCapturedStdout();
  const std::string err = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(out, "");
  EXPECT_EQ(err, "");
}

}  // namespace
}  // namespace attune
