#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attune::storage {

/// State of a database, for `attune show` and monitoring.
struct Statistics {
  // Exact row counts, committed with the rows themselves.
  int64_t items = 0;
  int64_t users = 0;      // with a record
  int64_t events = 0;     // stored, impressions included
  int64_t histories = 0;  // users with a history

  struct ColumnFamily {
    std::string name;
    int64_t sst_bytes = 0;       // table files on disk
    int64_t memtable_bytes = 0;  // in memory, backed by the log
    int64_t estimated_keys = 0;  // RocksDB's estimate; overwrites count twice
  };
  std::vector<ColumnFamily> column_families;
  int64_t log_bytes = 0;  // write-ahead log on disk

  // Hot rows: one lookup per requested item id. A row whose counters alone
  // had to be read again is a miss.
  int64_t row_cache_hits = 0;
  int64_t row_cache_misses = 0;
  int64_t row_cache_bytes = 0;
  int64_t row_cache_rows = 0;

  int64_t block_cache_bytes = 0;
  int64_t block_cache_capacity_bytes = 0;

  uint64_t latest_sequence = 0;
  int history_limit = 0;
  int format_version = 0;
};

}  // namespace attune::storage
