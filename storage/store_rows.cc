// Store as a RowSource.
#include <memory>
#include <string>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/batched_read.h"
#include "storage/database_files.h"
#include "storage/status_translation.h"
#include "storage/store.h"

namespace attune::storage {

absl::Status Store::Get(Family family, std::string_view key,
                        std::string& value) const {
  const ReadLease view = Read();
  const rocksdb::Status status = view->db().Get(
      rocksdb::ReadOptions(), view->handle(family), ToSlice(key), &value);
  if (status.ok()) return absl::OkStatus();
  return Translate(status,
                   StrCat("read ", kFamilyNames[Index(family)], " of ", name_));
}

absl::Status Store::MultiGet(
    Family family, std::span<const std::string_view> keys,
    absl::FunctionRef<absl::Status(size_t, std::string_view)> found) const {
  const ReadLease view = Read();
  return BatchedRead(*view, family, keys, found);
}

absl::Status Store::Scan(
    Family family, std::string_view begin, std::string_view end,
    absl::FunctionRef<absl::Status(std::string_view, std::string_view)> fn)
    const {
  const rocksdb::Slice upper_bound = ToSlice(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &upper_bound;
  // A scan must not push a service's rows out of the block cache.
  options.fill_cache = false;
  ReadLease view = Read();
  const std::unique_ptr<rocksdb::Iterator> it(
      view->db().NewIterator(options, view->handle(family)));
  // The iterator has its own snapshot.
  view.Release();
  for (it->Seek(ToSlice(begin)); it->Valid(); it->Next()) {
    ATTUNE_RETURN_IF_ERROR(fn(ToView(it->key()), ToView(it->value())));
  }
  return Translate(it->status(),
                   StrCat("read ", kFamilyNames[Index(family)], " of ", name_));
}

uint64_t Store::latest_sequence() const {
  return Read()->db().GetLatestSequenceNumber();
}

void Store::AddStatistics(Statistics& statistics) const {
  const ReadLease view = Read();
  const auto number = [&](const std::string& property, Family family) {
    uint64_t result = 0;
    view->db().GetIntProperty(view->handle(family), property, &result);
    return static_cast<int64_t>(result);
  };
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const Family family = static_cast<Family>(i);
    statistics.column_families.push_back(
        {.name = kFamilyNames[i],
         .sst_bytes =
             number(rocksdb::DB::Properties::kTotalSstFilesSize, family),
         .memtable_bytes =
             number(rocksdb::DB::Properties::kSizeAllMemTables, family),
         .estimated_keys =
             number(rocksdb::DB::Properties::kEstimateNumKeys, family)});
  }
  statistics.log_bytes = LogBytes(options_.path);
  statistics.block_cache_bytes = static_cast<int64_t>(block_cache_->GetUsage());
  statistics.block_cache_capacity_bytes =
      static_cast<int64_t>(block_cache_->GetCapacity());
  statistics.latest_sequence = view->db().GetLatestSequenceNumber();
}

}  // namespace attune::storage
