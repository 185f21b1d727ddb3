#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/change_observer.h"
#include "storage/database.h"
#include "storage/group_compiler.h"
#include "storage/row_cache.h"
#include "storage/row_source.h"
#include "storage/snapshot_file.h"
#include "storage/store.h"
#include "storage/write_recovery.h"

namespace attune::storage {

/// What the parts of Database (database.cc, database_read.cc, …) share.
class Database::Impl {
 public:
  Impl(const OpenOptions& open_options, std::unique_ptr<Store> opened)
      : options(open_options),
        store(std::move(opened)),
        rows(*store),
        row_cache(options.row_cache_bytes),
        recovery(std::in_place, *store) {}
  Impl(const OpenOptions& open_options, std::unique_ptr<SnapshotFile> opened)
      : options(open_options),
        snapshot(std::move(opened)),
        rows(*snapshot),
        row_cache(options.row_cache_bytes) {}

  /// Reads, or on creation writes, what the meta family says of the database.
  absl::Status Start();

  bool is_writer() const { return store != nullptr && store->is_writer(); }
  absl::Status CheckWritable() const;
  /// Makes a written group known to counts and caches.
  void Publish(const GroupCompiler& compiler);

  const OpenOptions options;
  const std::unique_ptr<Store> store;            // null: a snapshot
  const std::unique_ptr<SnapshotFile> snapshot;  // null: RocksDB
  const RowSource& rows;                         // the one of the two
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
  std::optional<WriteRecovery> recovery;  // RocksDB's
};

}  // namespace attune::storage
