#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "storage/item_row.h"

namespace attune::storage {

/// Decoded item rows, the least recently used out first, bounded by an estimate
/// of their bytes. Rows without a record are kept, too: an unknown candidate is
/// asked for as often as a known one. Thread-safe (sharded by id).
///
/// A reader that found nothing reads the database and inserts what it read. A
/// write that happens between the two must not be undone in the cache; so a
/// lookup gives the version of the id's shard, every invalidation raises it,
/// and an insertion with an old version is dropped.
class RowCache {
 public:
  /// 0 bytes: keeps nothing.
  explicit RowCache(size_t capacity_bytes);

  enum class Found {
    kNothing,
    kRecord,  // row->item is current, row->counters are not
    kRow,
  };
  struct Lookup {
    Found found = Found::kNothing;
    uint64_t version = 0;
  };
  /// Sets `row` unless nothing was found. Does not allocate.
  Lookup Get(std::string_view item_id, std::shared_ptr<const ItemRow>& row);

  /// `version` is that of the Get before the row was read.
  void Insert(std::string_view item_id, std::shared_ptr<const ItemRow> row,
              uint64_t version);

  /// After the write is visible in the database.
  void InvalidateRow(std::string_view item_id);
  void InvalidateCounters(std::string_view item_id);
  void Clear();

  struct Usage {
    int64_t hits = 0;
    int64_t misses = 0;
    int64_t bytes = 0;
    int64_t rows = 0;
  };
  Usage usage() const;

 private:
  struct Node {
    std::string item_id;
    std::shared_ptr<const ItemRow> row;
    size_t bytes = 0;
    bool counters_stale = false;
  };
  struct Shard {
    mutable std::mutex mutex;
    uint64_t version = 0;
    std::list<Node> nodes;  // most recently used first
    absl::flat_hash_map<std::string_view, std::list<Node>::iterator> index;
    size_t bytes = 0;
    int64_t hits = 0;
    int64_t misses = 0;
  };

  Shard& ShardOf(std::string_view item_id);
  static void Erase(Shard& shard, std::list<Node>::iterator node);

  const size_t shard_capacity_bytes_;
  std::vector<Shard> shards_;
};

}  // namespace attune::storage
