#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/catalogue_rows.h"
#include "engine/catalogue_table.h"
#include "engine/model_items.h"
#include "storage/database.h"

namespace attune {

/// All item vectors of a model in memory, for requests without candidates.
/// Built once, by Build(); from then on a writer's changes are put into it one
/// by one, and a follower brings it up to date by another Build(), which reads
/// all records and takes over what has changed. Readers take a view and never
/// wait for writers or builders, but for the first build. Thread-safe.
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
                 Memory memory);

  /// The newest view; null before the first build.
  std::shared_ptr<const CatalogueView> view() const;

  /// Whether there is a view, or one is being built.
  bool in_use() const;

  /// Writers, after the write of these items (put or deleted) was applied, one
  /// at a time in the order of their writes: reads them and takes them over.
  /// Where that fails the index is dropped, so that the next request has it
  /// built anew: a write never fails because of it. Enter through RunSerial().
  void Update(ExecutionContext& context,
              std::span<const std::string_view> item_ids);

  /// Brings the index up to the database's state at some moment of the call.
  /// One at a time. Cancelled by the context's flag, ResourceExhausted where
  /// it does not fit; what a view showed before stays. Enter through
  /// RunSerial().
  absl::Status Build(ExecutionContext& context);
  /// A builder could not begin Build().
  void Fail(const absl::Status& status);

  /// Names a moment for Wait(): that of the last build's begin.
  int64_t builds_begun() const;
  /// Until there is a view (which may be dropped at once: look again), or with
  /// `fresh` until a build that begins behind `moment` has ended. What a build
  /// behind `moment` returned, if it failed; Cancelled or DeadlineExceeded by
  /// the context. Somebody must have been asked to build, after `moment` was
  /// taken.
  absl::Status Wait(const ExecutionContext& context, int64_t moment,
                    bool fresh) const;

  /// A follower has seen writes.
  void MarkStale() { stale_ = true; }
  /// Whether it was marked since the last build began and may be built again: a
  /// follower spends at most a quarter of a core's time on it.
  bool IsDue() const;

  /// Builds that were begun and have ended.
  int64_t builds_ended() const;
  /// Of the newest state, to a few blocks; 0 before the first build.
  size_t size_bytes() const { return size_bytes_.load(); }

 private:
  /// Puts the rows of these items as they are now into the table.
  absl::Status Apply(ExecutionContext& context,
                     std::span<const std::string_view> item_ids);
  absl::Status PutRows(
      ExecutionContext& context, std::span<const std::string_view> item_ids,
      std::span<const std::shared_ptr<const storage::ItemRow>> rows);
  /// Reads all records, and embeds those that are not in the table as they are.
  absl::Status ReadCatalogue(ExecutionContext& context);
  /// Takes over what was written during the build, and shows the result.
  absl::Status EndBuild(ExecutionContext& context);
  /// Asks for the room of the whole catalogue before its first build.
  absl::Status AdmitCatalogue();
  /// Asks for room before a row is added.
  absl::Status AdmitRow();
  /// Counts what the table takes, with some room to grow.
  void CountSize();
  void SetSize(size_t bytes);

  storage::Database& database_;
  const std::shared_ptr<const Model> model_;
  ModelItems& items_;
  const Memory memory_;
  std::atomic<size_t> size_bytes_{0};
  std::atomic<bool> stale_{false};

  std::mutex table_mutex_;  // taken before mutex_
  CatalogueTable table_;    // guarded by table_mutex_

  mutable std::mutex mutex_;  // guards what follows; never held for long
  mutable std::condition_variable ended_;
  std::shared_ptr<const CatalogueView> view_;
  bool building_ = false;
  std::vector<std::string> written_;  // ids, since the build began
  int64_t builds_begun_ = 0;
  int64_t builds_ended_ = 0;  // builds end in the order of their begin
  absl::Status last_build_;
  std::chrono::steady_clock::time_point next_build_;
};

}  // namespace attune
