#pragma once

#include <memory>

#include "rocksdb/merge_operator.h"

namespace attune::storage {

/// HistoryMerge and CountersMerge as RocksDB calls them. Malformed bytes make
/// the read or compaction fail with Corruption.
std::shared_ptr<rocksdb::MergeOperator> NewHistoryMergeOperator();
std::shared_ptr<rocksdb::MergeOperator> NewCountersMergeOperator();

}  // namespace attune::storage
