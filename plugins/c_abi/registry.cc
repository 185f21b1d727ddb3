#include "plugins/c_abi/registry.h"

#include <unistd.h>

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace attune {
namespace {

// Odd, and on 64 bits in no address space: an object's address never passes.
constexpr uintptr_t kFirstHandle =
    sizeof(uintptr_t) == 8 ? static_cast<uintptr_t>(0xA77E000000000001ull) : 1;

uintptr_t Number(const attune_engine* handle) {
  return reinterpret_cast<uintptr_t>(handle);
}

}  // namespace

Registry::Registry() : next_handle_(kFirstHandle) {}

Registry& Registry::Instance() {
  static Registry* const registry = new Registry;  // leaked, see the class
  return *registry;
}

bool Registry::Forked() const noexcept {
  const pid_t user = user_process_.load(std::memory_order_acquire);
  return user != 0 && user != getpid();
}

class Registry::Use {
 public:
  /// Continues the use that an earlier object began and Keep() went on with.
  explicit Use(Registry* registry) : registry_(registry) {}
  static Use Begin(Registry* registry) {
    std::lock_guard<std::mutex> lock(registry->use_mutex_);
    ++registry->engines_in_use_;
    registry->user_process_.store(getpid(), std::memory_order_release);
    return Use(registry);
  }
  ~Use() {
    if (registry_ == nullptr) return;
    std::lock_guard<std::mutex> lock(registry_->use_mutex_);
    --registry_->engines_in_use_;
    // A failed attempt to open, and nothing before it: nothing was used.
    if (registry_->engines_in_use_ == 0 && !registry_->opened_) {
      registry_->user_process_.store(0, std::memory_order_release);
    }
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  /// The engine is open: the use goes on after this object's end.
  void Keep() {
    std::lock_guard<std::mutex> lock(registry_->use_mutex_);
    registry_->opened_ = true;
    registry_ = nullptr;
  }

 private:
  Registry* registry_;
};

absl::StatusOr<attune_engine*> Registry::Open(
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Engine>>()> open) {
  Use use = Use::Begin(this);
  absl::StatusOr<std::unique_ptr<Engine>> engine = open();
  if (!engine.ok()) return std::move(engine).status();
  auto session = std::make_shared<Session>(*std::move(engine));
  std::unique_lock<std::shared_mutex> lock(handles_mutex_);
  const uintptr_t number = next_handle_;
  sessions_.emplace(number, std::move(session));
  next_handle_ += 2;
  use.Keep();
  // A number, never looked behind.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<attune_engine*>(number);
}

SessionCall Registry::Enter(const attune_engine* handle) {
  std::shared_lock<std::shared_mutex> lock(handles_mutex_);
  const auto found = sessions_.find(Number(handle));
  if (found == sessions_.end()) return SessionCall();
  found->second->Enter();
  return SessionCall(found->second);
}

bool Registry::Close(const attune_engine* handle) {
  std::shared_ptr<Session> session;
  {
    std::unique_lock<std::shared_mutex> lock(handles_mutex_);
    const auto found = sessions_.find(Number(handle));
    if (found == sessions_.end()) return false;
    session = std::move(found->second);
    sessions_.erase(found);
  }
  Use use(this);
  session->Close();
  return true;
}

absl::Status Registry::Shutdown() {
  std::lock_guard<std::mutex> lock(use_mutex_);
  if (engines_in_use_ > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        engines_in_use_, " engine(s) open; close them before a shutdown"));
  }
  user_process_.store(0, std::memory_order_release);
  opened_ = false;
  return absl::OkStatus();
}

}  // namespace attune
