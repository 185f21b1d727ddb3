#include "plugins/triton/engine_registry.h"

#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune::triton {

EngineRegistry::Lease::~Lease() {
  if (registry_ != nullptr) registry_->Release(key_);
}

EngineRegistry::Lease::Lease(Lease&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)),
      key_(std::move(other.key_)),
      engine_(std::exchange(other.engine_, nullptr)) {}

EngineRegistry::Lease& EngineRegistry::Lease::operator=(
    Lease&& other) noexcept {
  std::swap(registry_, other.registry_);
  std::swap(key_, other.key_);
  std::swap(engine_, other.engine_);
  return *this;
}

absl::StatusOr<EngineRegistry::Lease> EngineRegistry::Acquire(
    const ModelOptions& options) {
  // Followers may differ in their options, an owner is one.
  const std::string key =
      options.owner ? StrCat("owner ", options.database) : options.open_json;
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    ATTUNE_ASSIGN_OR_RETURN(auto engine, EngineHandle::Open(options.open_json));
    Entry entry;
    entry.open_json = options.open_json;
    entry.engine = std::move(engine);
    found = entries_.emplace(key, std::move(entry)).first;
  } else if (found->second.open_json != options.open_json) {
    return absl::FailedPreconditionError(StrCat(
        "database \"", options.database, "\" is open with the options ",
        found->second.open_json, ", model \"", options.name, "\" asks for ",
        options.open_json, ": unload the models that use it first"));
  }
  ++found->second.leases;
  return Lease(this, key, found->second.engine.get());
}

void EngineRegistry::Release(const std::string& key) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end() && --found->second.leases == 0) {
    entries_.erase(found);
  }
}

}  // namespace attune::triton
