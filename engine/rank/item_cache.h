#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/workspace.h"
#include "engine/model/item_row.h"
#include "engine/rank/retired_list.h"
#include "engine/rank/state_cache.h"
#include "features/item_counters.h"

namespace attune {

/// Everything that a request reads of items under one model, by item id: one
/// look per candidate, in portions, so that waiting for memory overlaps. Ids
/// without a record are kept, too, as unknown items.
///
/// Bounded by an estimate of its bytes; leaves by CLOCK (second chance): a hit
/// sets a mark and moves nothing. Values are shared: one that was evicted lives
/// on until its last user lets go, outside of the limit. Thread-safe, in shards
/// with a lock each. Those who look at hundreds hold a Pin instead of shares.
///
/// A reader that found nothing reads the database and puts what it read. A
/// change between the two must not be undone: a miss gives the version of the
/// id's shard, every change raises it, and a put with an old one is dropped.
class ItemCache {
 public:
  explicit ItemCache(size_t limit_bytes);
  ~ItemCache();
  ItemCache(const ItemCache&) = delete;
  ItemCache& operator=(const ItemCache&) = delete;

  /// Keeps every item that is found while it lives from going: it must live
  /// longer than they are used, and end before the cache. Cheap.
  class Pin {
   public:
    explicit Pin(ItemCache& cache);
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    ItemCache& cache_;
    const uint64_t begin_;
  };

  struct Miss {
    uint32_t place = 0;     ///< index of the id
    bool has_item = false;  ///< only the counters are missing
    uint64_t version = 0;   ///< for Put()
  };
  /// items[i] of ids[i] where it is known, else null. With `counters` [ids] or
  /// without (empty: a row whose counters are old is a hit). Ids may repeat.
  /// Returns the misses in an order of its own; they and all scratch memory are
  /// taken from `workspace`. Does not allocate otherwise. With `pin` (null:
  /// without) the pointers own nothing, and the pin is what keeps the items.
  std::span<const Miss> Get(std::span<const std::string_view> ids,
                            Workspace& workspace,
                            std::span<std::shared_ptr<const ModelItem>> items,
                            std::span<features::ItemCounters> counters,
                            const Pin* pin = nullptr);

  /// Those ids that are not there, for whoever fills the cache ahead of
  /// requests: neither a hit nor a miss. They are taken from `workspace`.
  std::span<const Miss> Absent(std::span<const std::string_view> ids,
                               Workspace& workspace) const;
  /// Whether more fit without another's leaving.
  bool HasRoom() const;

  /// `counters` null: unknown yet.
  void Put(std::string_view id, std::shared_ptr<const ModelItem> item,
           const features::ItemCounters* counters, uint64_t version);
  /// Counters of an item that is there, or was when it was found.
  void PutCounters(std::string_view id, const ModelItem* item,
                   const features::ItemCounters& counters, uint64_t version);

  // After the change is visible in the database.
  void ForgetItem(std::string_view id);
  void ForgetCounters(std::string_view id);
  void Clear();

  StateCacheStats stats() const;
  void SetLimit(size_t limit_bytes);

 private:
  struct Entry;
  struct Shard;
  struct Leaving;
  static constexpr size_t kShards = 16;

  static size_t ShardIndex(uint64_t hash);
  Shard& ShardOf(uint64_t hash);
  size_t ShardLimit() const { return limit_bytes_ / kShards; }

  using Retired = RetiredList<Entry>;

  std::atomic<size_t> limit_bytes_;
  std::unique_ptr<Retired> retired_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace attune
