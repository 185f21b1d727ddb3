#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "rocksdb/write_batch.h"
#include "storage/bulk_ingest.h"
#include "storage/bulk_rows.h"
#include "storage/database.h"
#include "storage/database_impl.h"
#include "storage/operations.h"
#include "storage/status_translation.h"

namespace attune::storage {
namespace {

// Below this many calls, sorted files cost more (fsyncs, files to compact) than
// the log and the memory tables.
constexpr size_t kMinBulkOperations = 50'000;

class BatchSink : public RowSink {
 public:
  explicit BatchSink(const View& view) : view_(view) {}

  void Put(Family family, std::string_view key,
           std::string_view value) override {
    Note(batch_.Put(view_.handle(family), ToSlice(key), ToSlice(value)));
  }
  void Delete(Family family, std::string_view key) override {
    Note(batch_.Delete(view_.handle(family), ToSlice(key)));
  }
  void DeleteRange(Family family, std::string_view begin,
                   std::string_view end) override {
    Note(
        batch_.DeleteRange(view_.handle(family), ToSlice(begin), ToSlice(end)));
  }
  void Merge(Family family, std::string_view key,
             std::string_view operand) override {
    Note(batch_.Merge(view_.handle(family), ToSlice(key), ToSlice(operand)));
  }

  const rocksdb::Status& status() const { return status_; }
  rocksdb::WriteBatch& batch() { return batch_; }

 private:
  void Note(const rocksdb::Status& status) {
    if (status_.ok()) status_ = status;
  }

  const View& view_;
  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
};

}  // namespace

absl::Status Database::Impl::CheckWritable() const {
  if (is_writer()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(rows.name(), snapshot != nullptr
                              ? " can only be read"
                              : " is open as a follower, which cannot write"));
}

void Database::Impl::Publish(const GroupCompiler& compiler) {
  counts = compiler.counts();
  for (const auto& [user_id, has_history] : compiler.histories()) {
    if (has_history) {
      known_users.Add(user_id);
    } else {
      known_users.Remove(user_id);
    }
    Tell([&](ChangeObserver& observer) { observer.HistoryChanged(user_id); });
  }
  for (const auto& [user_id, exists] : compiler.users()) {
    Tell([&](ChangeObserver& observer) { observer.UserChanged(user_id); });
  }
  for (const std::string& item_id : compiler.changed_records()) {
    row_cache.InvalidateRow(item_id);
    Tell([&](ChangeObserver& observer) { observer.ItemChanged(item_id); });
  }
  for (const std::string& item_id : compiler.changed_counters()) {
    row_cache.InvalidateCounters(item_id);
    Tell([&](ChangeObserver& observer) { observer.CountersChanged(item_id); });
  }
}

absl::Status Database::Write(WriteGroup&& group, const WriteOptions& options,
                             WriteSummary* summary) {
  if (summary != nullptr) *summary = {};
  ATTUNE_RETURN_IF_ERROR(impl_->CheckWritable());
  if (group.empty()) return absl::OkStatus();
  const std::lock_guard lock(impl_->write_mutex);
  const ReadLease view = impl_->store->Read();
  BatchSink sink(*view);
  GroupCompiler compiler(*view, impl_->history_limit, impl_->counts,
                         impl_->known_users, sink);
  ATTUNE_RETURN_IF_ERROR(compiler.Compile(group.rep().operations));
  const std::string what = StrCat("write to ", impl_->store->name());
  ATTUNE_RETURN_IF_ERROR(Translate(sink.status(), what));
  rocksdb::WriteOptions write_options;
  write_options.sync = options.sync;
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): an owner has one
  WriteRecovery& recovery = *impl_->recovery;
  ATTUNE_RETURN_IF_ERROR(recovery.Try(*view, group.size_bytes(), [&] {
    return Translate(view->db().Write(write_options, &sink.batch()), what);
  }));
  impl_->Publish(compiler);
  if (summary != nullptr) *summary = compiler.summary();
  group.Clear();
  return absl::OkStatus();
}

absl::Status Database::BulkWrite(WriteGroup&& group, WriteSummary* summary) {
  if (group.size() < kMinBulkOperations) {
    return Write(std::move(group), {.sync = true}, summary);
  }
  if (summary != nullptr) *summary = {};
  ATTUNE_RETURN_IF_ERROR(impl_->CheckWritable());
  {
    const std::lock_guard lock(impl_->write_mutex);
    const ReadLease view = impl_->store->Read();
    BulkRows rows;
    GroupCompiler compiler(*view, impl_->history_limit, impl_->counts,
                           impl_->known_users, rows);
    ATTUNE_RETURN_IF_ERROR(compiler.Compile(group.rep().operations));
    if (!rows.has_ranges()) {
      // NOLINTNEXTLINE(bugprone-unchecked-optional-access): an owner has one
      WriteRecovery& recovery = *impl_->recovery;
      ATTUNE_RETURN_IF_ERROR(recovery.Try(*view, group.size_bytes(), [&] {
        return IngestRows(*impl_->store, *view, rows);
      }));
      impl_->Publish(compiler);
      if (summary != nullptr) *summary = compiler.summary();
      group.Clear();
      return absl::OkStatus();
    }
  }
  return Write(std::move(group), {.sync = true}, summary);
}

}  // namespace attune::storage
