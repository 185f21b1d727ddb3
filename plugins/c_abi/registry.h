#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugins/c_abi/attune.h"
#include "plugins/c_abi/session.h"

namespace attune {

/// Which handles are open, in which process. A handle is a number that is used
/// once, not an address: a stale one can never name a later engine.
/// Thread-safe.
///
/// The one piece of process-wide state of the plugin: a handle that comes back
/// from C carries no other context. Never destroyed, so that a host may call
/// from its exit handlers.
class Registry {
 public:
  static Registry& Instance();

  /// Whether this process was forked off one that used the library. Takes no
  /// lock: a lock could be held by a thread that fork() did not copy.
  bool Forked() const noexcept;

  /// Runs `open` and registers its engine. ResourceExhausted, or what `open`
  /// returns.
  absl::StatusOr<attune_engine*> Open(
      absl::FunctionRef<absl::StatusOr<std::unique_ptr<Engine>>()> open);

  /// Empty if the handle is not open.
  SessionCall Enter(const attune_engine* handle);

  /// False if the handle is not open; else returns when the engine is closed.
  bool Close(const attune_engine* handle);

  /// FailedPrecondition if an engine is open; its threads end with the last
  /// one. Forgets the process: a child forked later may use the library.
  absl::Status Shutdown();

 private:
  /// Counts an engine from before its opening until after its closing.
  class Use;

  std::atomic<pid_t> user_process_ = 0;

  std::mutex use_mutex_;
  int engines_in_use_ = 0;
  bool opened_ = false;  // an engine was open since the last Shutdown()

  std::shared_mutex handles_mutex_;
  uintptr_t next_handle_;
  std::unordered_map<uintptr_t, std::shared_ptr<Session>> sessions_;

  Registry();
};

}  // namespace attune
