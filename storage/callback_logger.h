#pragma once

#include <memory>

#include "base/log.h"
#include "rocksdb/env.h"

namespace attune::storage {

/// RocksDB's info log as calls of `log`: warnings and errors only, nothing on
/// stderr and no LOG file in the database's directory.
std::shared_ptr<rocksdb::Logger> NewCallbackLogger(LogFunction log);

}  // namespace attune::storage
