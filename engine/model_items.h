#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/rank/item_resolver.h"
#include "engine/rank/state_cache.h"
#include "storage/database.h"

namespace attune {

/// Items of one database under one model: vectors from the in-memory cache,
/// else from the store, else embedded from the record on demand (and stored by
/// the owner). An item's row holds for the record it was made of: a changed
/// record is embedded anew. Thread-safe.
class ModelItems final : public ItemResolver {
 public:
  /// `database` must outlive the object.
  ModelItems(storage::Database& database, std::shared_ptr<const Model> model,
             size_t cache_bytes);

  absl::Status Resolve(
      ExecutionContext& context, std::span<const std::string_view> item_ids,
      std::span<std::shared_ptr<const ModelItem>> items) override;

  /// The same where the records were read already: rows[i] of item_ids[i].
  absl::Status ResolveRows(
      ExecutionContext& context, std::span<const std::string_view> item_ids,
      std::span<const std::shared_ptr<const storage::ItemRow>> rows,
      std::span<std::shared_ptr<const ModelItem>> items);

  /// A vector as it is stored, with the record it was made of.
  struct StoredVector {
    std::string item_id;
    std::string bytes;
    /// Whether `record` is the one it was made of.
    bool Holds(const v1::Item& record) const;
  };
  /// Those records that have no stored vector, or one of an older record.
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
  struct Entry {
    std::shared_ptr<const v1::Item> record;  ///< what the row was made of
    std::shared_ptr<const ModelItem> item;
  };

  storage::Database& database_;
  std::shared_ptr<const Model> model_;
  StateCache<Entry> cache_;
};

}  // namespace attune
