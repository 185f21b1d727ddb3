#include "storage/column_families.h"

#include <algorithm>

#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "storage/merge_operators.h"

namespace attune::storage {
namespace {

// Operands of one key that may wait in memory before RocksDB folds them. It
// bounds what a read has to merge: 32 appends to a history of 400 events take
// some microseconds. Each fold writes one whole history to memory (not to the
// log), so a smaller number would fill memory sooner.
constexpr size_t kMaxWaitingOperands = 32;

// LZ4 if this RocksDB was built with it, else whatever it has.
rocksdb::CompressionType FastCompression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  for (const auto wanted :
       {rocksdb::kLZ4Compression, rocksdb::kSnappyCompression}) {
    if (std::find(supported.begin(), supported.end(), wanted) !=
        supported.end()) {
      return wanted;
    }
  }
  return rocksdb::kNoCompression;
}

rocksdb::BlockBasedTableOptions TableOptions(Family family,
                                             const FamilySizes& sizes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = sizes.block_cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  // Index and filter blocks count against the block cache, so that memory stays
  // under one ceiling; those of the newest files are pinned.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.pin_top_level_index_and_filter = true;
  table.block_size = 8 << 10;
  if (family == Family::kItemVectors) {
    // Read by single rows of less than a kilobyte, past the block cache
    // (batched_read.cc), which needs index and filters at hand.
    table.block_size = 4 << 10;
    table.metadata_cache_options.unpartitioned_pinning =
        rocksdb::PinningTier::kAll;
  }
  if (family == Family::kEvents) {
    // The one family of any size. Its index and filters are partitioned: a
    // lookup of an event id loads a part of a filter, not megabytes.
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = true;
    table.metadata_block_size = 4096;
    table.block_size = 16 << 10;
  }
  return table;
}

}  // namespace

rocksdb::ColumnFamilyOptions FamilyOptions(Family family,
                                           const FamilySizes& sizes) {
  rocksdb::ColumnFamilyOptions options;
  // One family may take half of the database's budget before it is flushed by
  // itself; the sum is held by DBOptions::db_write_buffer_size.
  options.write_buffer_size =
      std::max<size_t>(sizes.write_buffer_bytes / 2, 1 << 20);
  options.max_write_buffer_number = 4;
  // The default, an eighth of the buffer, would cost megabytes in each of nine
  // families from the first row on.
  options.arena_block_size = 256 << 10;
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = 64 << 20;
  options.max_bytes_for_level_base = 256 << 20;
  options.compression = FastCompression();
  if (family == Family::kItemVectors || family == Family::kStates) {
    options.compression = rocksdb::kNoCompression;  // floats do not shrink
  }
  if (family == Family::kHistories) {
    options.merge_operator = NewHistoryMergeOperator();
    options.max_successive_merges = kMaxWaitingOperands;
  }
  if (family == Family::kCounters) {
    options.merge_operator = NewCountersMergeOperator();
    options.max_successive_merges = kMaxWaitingOperands;
  }
  options.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(TableOptions(family, sizes)));
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> FamilyDescriptors(
    const FamilySizes& sizes) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    descriptors.emplace_back(kFamilyNames[i],
                             FamilyOptions(static_cast<Family>(i), sizes));
  }
  return descriptors;
}

}  // namespace attune::storage
