#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "plugins/triton/engine_handle.h"
#include "plugins/triton/model_options.h"

namespace attune::triton {

/// The open databases of one server. Models that name the same database share
/// one handle, for a database has one owner, and a model that is loaded anew is
/// there before the old one has gone. Thread-safe.
class EngineRegistry {
 public:
  /// One use of a handle; the last one's end closes the database.
  class Lease {
   public:
    Lease() = default;
    Lease(EngineRegistry* registry, std::string key, EngineHandle* engine)
        : registry_(registry), key_(std::move(key)), engine_(engine) {}
    ~Lease();
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    EngineHandle* operator->() const { return engine_; }

   private:
    EngineRegistry* registry_ = nullptr;
    std::string key_;
    EngineHandle* engine_ = nullptr;
  };

  /// The handle that fits `options`, opened if there is none yet.
  /// FailedPrecondition where the database is open with other options and
  /// cannot be opened twice. The registry must outlive the lease.
  absl::StatusOr<Lease> Acquire(const ModelOptions& options);

 private:
  struct Entry {
    std::string open_json;
    std::unique_ptr<EngineHandle> engine;
    int leases = 0;
  };
  void Release(const std::string& key);

  // Held while a database opens and closes, too: the next one to ask for it
  // must not meet a lock that is just given back. Requests take no part.
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace attune::triton
