#include "plugins/c_abi/run_on_quiet_thread.h"

#include <exception>

#include "base/quiet_thread.h"
#include "plugins/c_abi/host_state.h"

namespace attune {

void RunOnQuietThread(absl::FunctionRef<void()> body) {
  std::exception_ptr failure;
  StartQuietThread([&]() noexcept {
    HostState state;
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace attune
