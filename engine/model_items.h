#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/rank/item_cache.h"
#include "engine/rank/item_resolver.h"
#include "features/item_counters.h"
#include "storage/database.h"

namespace attune {

/// Items of one database under one model: vectors, features and counters from
/// the in-memory cache, else from the store, else embedded from the record on
/// demand (and stored by the owner). Follows the database: what a write
/// changes is read anew. Thread-safe.
class ModelItems final : public ItemResolver, private storage::ChangeObserver {
 public:
  /// `database` must outlive the object.
  ModelItems(storage::Database& database, std::shared_ptr<const Model> model,
             size_t cache_bytes);
  ~ModelItems() override;

  absl::Status Resolve(
      ExecutionContext& context, std::span<const std::string_view> item_ids,
      std::span<std::shared_ptr<const ModelItem>> items) override;

  /// The same with the items' counters; both have an element per id. Does not
  /// allocate when all are in the cache and `context` is warm. The items are
  /// good for as long as `pin`, which is one of pinnable().
  absl::Status ResolveCounted(ExecutionContext& context,
                              std::span<const std::string_view> item_ids,
                              const ItemCache::Pin& pin,
                              std::span<std::shared_ptr<const ModelItem>> items,
                              std::span<features::ItemCounters> counters);
  ItemCache& pinnable() { return cache_; }

  /// Reads those of the items that are stored and not in the cache into it,
  /// with their counters. False: it is full. Writes nothing.
  absl::StatusOr<bool> Fill(ExecutionContext& context,
                            std::span<const std::string_view> item_ids);

  /// Counters of any ids, past the cache.
  absl::Status ReadCounters(std::span<const std::string_view> item_ids,
                            std::span<features::ItemCounters> counters) const;

  /// A vector as it is stored, with the record it was made of.
  struct StoredVector {
    std::string item_id;
    std::string bytes;
    uint64_t record = 0;  ///< storage::RecordHash
  };
  /// Those records that have no stored vector.
  absl::StatusOr<std::vector<const v1::Item*>> Missing(
      std::span<const v1::Item* const> records) const;
  /// Embeds records; one vector each, in their order.
  absl::Status Embed(ExecutionContext& context,
                     std::span<const v1::Item* const> records,
                     std::vector<StoredVector>* vectors) const;
  /// Embeds records and adds their rows to `group`; for writers.
  absl::Status EmbedInto(ExecutionContext& context,
                         std::span<const v1::Item* const> records,
                         storage::WriteGroup* group) const;

  StateCacheStats cache_stats() const { return cache_.stats(); }
  void SetCacheLimit(size_t bytes) { cache_.SetLimit(bytes); }

 private:
  void ItemChanged(std::string_view item_id) override {
    cache_.ForgetItem(item_id);
  }
  void CountersChanged(std::string_view item_id) override {
    cache_.ForgetCounters(item_id);
  }
  void EverythingChanged() override { cache_.Clear(); }

  absl::Status Read(ExecutionContext& context,
                    std::span<const std::string_view> item_ids,
                    std::span<const ItemCache::Miss> misses,
                    std::span<std::shared_ptr<const ModelItem>> items,
                    std::span<features::ItemCounters> counters);
  /// Stored rows; null where there is none, or a damaged one.
  absl::Status ReadStored(std::span<const std::string_view> item_ids,
                          std::span<std::shared_ptr<const ModelItem>> items);
  absl::Status ReadItems(ExecutionContext& context,
                         std::span<const std::string_view> item_ids,
                         std::span<std::shared_ptr<const ModelItem>> items);

  storage::Database& database_;
  std::shared_ptr<const Model> model_;
  ItemCache cache_;
};

}  // namespace attune
