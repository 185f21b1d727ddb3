#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "engine/model/scorer.h"
#include "engine/model_items.h"
#include "storage/database.h"

namespace attune {

/// All item vectors of a model in memory, for requests without candidates: the
/// best by the match term over the whole catalogue. Built at first use, again
/// when items were written. Thread-safe.
class CatalogueIndex {
 public:
  /// Who shares out the memory.
  struct Memory {
    /// Whether there is room for so many more bytes; null: always.
    std::function<absl::Status(size_t bytes)> admit;
    /// size_bytes() has changed; may be null.
    std::function<void()> resized;
  };
  CatalogueIndex(storage::Database& database,
                 std::shared_ptr<const Model> model, ModelItems& items,
                 Memory memory)
      : database_(database),
        model_(std::move(model)),
        items_(items),
        memory_(std::move(memory)) {}

  /// The ids of the `count` items with the greatest match for u [D], best
  /// first, ties by id; `skip` (may be empty) are left out.
  absl::StatusOr<std::vector<std::string>> Best(
      ExecutionContext& context, std::span<const float> user, int64_t count,
      const absl::flat_hash_set<std::string>& skip);

  /// Marks the index as out of date.
  void Invalidate();

  /// Of the index as it was built last; 0 before.
  size_t size_bytes() const { return size_bytes_.load(); }

 private:
  struct Snapshot {
    std::vector<std::string> ids;  // ascending
    std::vector<float> x;          // [N, D]
  };
  absl::StatusOr<std::shared_ptr<const Snapshot>> Current(
      ExecutionContext& context);

  storage::Database& database_;
  std::shared_ptr<const Model> model_;
  ModelItems& items_;
  const Memory memory_;
  std::atomic<size_t> size_bytes_{0};
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;  // null: to be built
};

}  // namespace attune
