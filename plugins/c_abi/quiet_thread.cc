#include "plugins/c_abi/quiet_thread.h"

#include <pthread.h>
#include <signal.h>

#include <exception>
#include <thread>

#include "plugins/c_abi/host_state.h"

namespace attune {
namespace {

/// Blocks every signal of the calling thread while it lives.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

void RunOnQuietThread(absl::FunctionRef<void()> body) {
  std::exception_ptr failure;
  std::thread thread;
  {
    BlockedSignals blocked;
    thread = std::thread([&]() noexcept {
      HostState state;
      try {
        body();
      } catch (...) {
        failure = std::current_exception();
      }
    });
  }
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace attune
