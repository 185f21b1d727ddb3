#include "storage/database.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/bulk_ingest.h"
#include "storage/database_files.h"
#include "storage/database_impl.h"
#include "storage/key_codec.h"
#include "storage/status_translation.h"

namespace attune::storage {
namespace {

absl::StatusOr<int> ParseNumber(const RowSource& rows, std::string_view key,
                                const std::string& value) {
  int number = 0;
  if (!absl::SimpleAtoi(value, &number) || number < 1) {
    return absl::DataLossError(
        StrCat(rows.name(), ": ", key, " is \"", value, "\", not a number"));
  }
  return number;
}

absl::Status WriteFirstRows(const Store& store) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status =
      batch.Put(ToSlice(kFormatKey), std::to_string(kFormatVersion));
  if (status.ok()) {
    status = batch.Put(ToSlice(kHistoryLimitKey),
                       std::to_string(store.options().history_limit));
  }
  if (status.ok()) {
    rocksdb::WriteOptions options;
    options.sync = true;
    const ReadLease view = store.Read();
    status = view->db().Write(options, &batch);
  }
  return Translate(status, StrCat("create ", store.name()));
}

}  // namespace

absl::Status Database::Impl::Start() {
  std::string value;
  absl::Status status = rows.Get(Family::kMeta, kFormatKey, value);
  if (absl::IsNotFound(status) && is_writer() &&
      store->Read()->db().GetLatestSequenceNumber() == 0) {
    ATTUNE_RETURN_IF_ERROR(WriteFirstRows(*store));
    status = rows.Get(Family::kMeta, kFormatKey, value);
  }
  if (absl::IsNotFound(status)) {
    return is_writer() || snapshot != nullptr
               ? absl::DataLossError(
                     StrCat(rows.name(), " is damaged: its format is missing"))
               : absl::UnavailableError(
                     StrCat(rows.name(), " is being created"));
  }
  ATTUNE_RETURN_IF_ERROR(status);
  ATTUNE_ASSIGN_OR_RETURN(format_version, ParseNumber(rows, kFormatKey, value));
  ATTUNE_RETURN_IF_ERROR(CheckFormat(options.path, format_version));
  ATTUNE_RETURN_IF_ERROR(rows.Get(Family::kMeta, kHistoryLimitKey, value));
  ATTUNE_ASSIGN_OR_RETURN(history_limit,
                          ParseNumber(rows, kHistoryLimitKey, value));
  if (!is_writer()) return absl::OkStatus();
  RemoveBulkLeftovers(*store);
  status = rows.Get(Family::kMeta, kCountsKey, value);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(status);
  const std::lock_guard lock(write_mutex);
  if (!counts.ParseFromString(value)) {
    return absl::DataLossError(StrCat(rows.name(), ": malformed counts"));
  }
  return absl::OkStatus();
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const OpenOptions& options) {
  std::unique_ptr<Impl> impl;
  std::error_code error;
  if (std::filesystem::is_regular_file(options.path, error)) {
    ATTUNE_ASSIGN_OR_RETURN(auto snapshot, SnapshotFile::Open(options.path));
    if (options.mode == OpenOptions::Mode::kWriter) {
      return absl::FailedPreconditionError(
          StrCat(snapshot->name(),
                 " can only be read: open it as a follower, or open the "
                 "database that it was made of"));
    }
    impl = std::make_unique<Impl>(options, std::move(snapshot));
  } else {
    ATTUNE_ASSIGN_OR_RETURN(auto store, Store::Open(options));
    impl = std::make_unique<Impl>(options, std::move(store));
  }
  ATTUNE_RETURN_IF_ERROR(impl->Start());
  return absl::WrapUnique(new Database(std::move(impl)));
}

absl::Status Database::CatchUp() {
  if (impl_->store == nullptr || impl_->is_writer()) return absl::OkStatus();
  const uint64_t before = latest_sequence();
  const absl::Status status = impl_->store->CatchUp();
  // Also after an error: the view may have moved a part of the way.
  if (!status.ok() || latest_sequence() != before) {
    impl_->row_cache.Clear();
    impl_->Tell([](ChangeObserver& observer) { observer.EverythingChanged(); });
  }
  return status;
}

void Database::AddObserver(ChangeObserver* observer) {
  const std::lock_guard lock(impl_->observers_mutex);
  impl_->observers.push_back(observer);
}

void Database::RemoveObserver(ChangeObserver* observer) {
  const std::lock_guard lock(impl_->observers_mutex);
  std::erase(impl_->observers, observer);
}

void Database::Impl::Tell(absl::FunctionRef<void(ChangeObserver&)> fn) {
  const std::lock_guard lock(observers_mutex);
  for (ChangeObserver* observer : observers) fn(*observer);
}

uint64_t Database::latest_sequence() const {
  return impl_->rows.latest_sequence();
}
int Database::history_limit() const { return impl_->history_limit; }
OpenOptions::Mode Database::mode() const { return impl_->options.mode; }
const std::string& Database::path() const { return impl_->options.path; }

absl::Status Database::Flush() {
  ATTUNE_RETURN_IF_ERROR(impl_->CheckWritable());
  const ReadLease view = impl_->store->Read();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    handles.push_back(view->handle(static_cast<Family>(i)));
  }
  return Translate(view->db().Flush(rocksdb::FlushOptions(), handles),
                   StrCat("flush ", impl_->store->name()));
}

absl::Status Database::Compact() {
  ATTUNE_RETURN_IF_ERROR(Flush());
  const ReadLease view = impl_->store->Read();
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    ATTUNE_RETURN_IF_ERROR(Translate(
        view->db().CompactRange(options, view->handle(static_cast<Family>(i)),
                                nullptr, nullptr),
        StrCat("compact ", impl_->store->name())));
  }
  return absl::OkStatus();
}

absl::StatusOr<Statistics> Database::Stats() {
  Statistics stats;
  std::string value;
  v1::StoreCounts counts;
  const absl::Status status = impl_->rows.Get(Family::kMeta, kCountsKey, value);
  if (!absl::IsNotFound(status)) ATTUNE_RETURN_IF_ERROR(status);
  if (status.ok() && !counts.ParseFromString(value)) {
    return absl::DataLossError(
        StrCat(impl_->rows.name(), ": malformed counts"));
  }
  stats.items = counts.items();
  stats.users = counts.users();
  stats.events = counts.events();
  stats.histories = counts.histories();

  impl_->rows.AddStatistics(stats);
  const RowCache::Usage usage = impl_->row_cache.usage();
  stats.row_cache_hits = usage.hits;
  stats.row_cache_misses = usage.misses;
  stats.row_cache_bytes = usage.bytes;
  stats.row_cache_rows = usage.rows;
  stats.history_limit = impl_->history_limit;
  stats.format_version = impl_->format_version;
  return stats;
}

std::optional<int64_t> SortKey(const v1::Event& event) {
  if (event.has_time_ms()) return event.time_ms();
  if (event.has_order()) return event.order();
  return std::nullopt;
}

}  // namespace attune::storage
