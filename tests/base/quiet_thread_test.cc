#include "base/quiet_thread.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(QuietThreadTest, TakesNoSignalsAndLeavesTheCallersMask) {
  sigset_t before, inside, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  StartQuietThread([&] {
    pthread_sigmask(SIG_SETMASK, nullptr, &inside);
  }).join();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPROF}) {
    EXPECT_EQ(sigismember(&inside, signal), 1) << signal;
    EXPECT_EQ(sigismember(&after, signal), sigismember(&before, signal));
  }
}

}  // namespace
}  // namespace attune
