#pragma once

#include <memory>

#include "rocksdb/env.h"

namespace attune::storage {

/// RocksDB's default environment with threads of its own for flushes and
/// compactions: the default one's pools belong to the process (a host may use
/// RocksDB, too) and keep their threads after the last database is closed.
/// Threads start with the first work; destruction joins them and requires that
/// the database which uses the environment is closed.
/// `compaction_threads` >= 1; flushes get one thread apart, so that no
/// compaction makes a write wait for memory.
std::unique_ptr<rocksdb::Env> NewBackgroundEnv(int compaction_threads);

}  // namespace attune::storage
