#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
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

  /// Embeds records and adds their rows to `group`; for writers and publish.
  absl::Status EmbedInto(ExecutionContext& context,
                         std::span<const v1::Item* const> records,
                         storage::WriteGroup* group) const;

  StateCacheStats cache_stats() const { return cache_.stats(); }

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
