#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/change_observer.h"
#include "storage/database.h"
#include "storage/group_compiler.h"
#include "storage/row_cache.h"
#include "storage/store.h"
#include "storage/write_recovery.h"

namespace attune::storage {

/// What the parts of Database (database.cc, database_read.cc, …) share.
class Database::Impl {
 public:
  explicit Impl(std::unique_ptr<Store> opened_store)
      : store(std::move(opened_store)),
        row_cache(store->options().row_cache_bytes),
        recovery(*store) {}

  /// Reads, or on creation writes, what the meta family says of the database.
  absl::Status Start();

  absl::Status CheckWritable() const;
  /// Makes a written group known to counts and caches.
  void Publish(const GroupCompiler& compiler);

  /// Reads one row into `value`: Ok, NotFound or an error.
  absl::Status GetRow(Family family, std::string_view key, std::string& value);

  /// Calls fn(key, value) for the keys in [begin, end), in order.
  absl::Status Iterate(
      Family family, std::string_view begin, std::string_view end,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> fn);

  const std::unique_ptr<Store> store;
  RowCache row_cache;
  /// Calls fn of every observer.
  void Tell(absl::FunctionRef<void(ChangeObserver&)> fn);
  std::mutex observers_mutex;
  std::vector<ChangeObserver*> observers;  // guarded by observers_mutex
  int history_limit = 0;
  int format_version = 0;

  std::mutex write_mutex;  // one group at a time; guards the following
  v1::StoreCounts counts;
  KnownUsers known_users;
  WriteRecovery recovery;
};

}  // namespace attune::storage
