#include "storage/bulk_ingest.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "rocksdb/sst_file_writer.h"
#include "storage/status_translation.h"

namespace attune::storage {
namespace {

namespace fs = std::filesystem;

// As large as compaction makes them (target_file_size_base).
constexpr uint64_t kMaxFileBytes = uint64_t{64} << 20;

// On the database's own file system, so that files are moved, not copied.
fs::path BulkDirectory(const Store& store) {
  return fs::path(store.options().path) / "bulk.tmp";
}

class FamilyWriter {
 public:
  FamilyWriter(const Store& store, const View& view, Family family)
      : store_(store),
        family_(family),
        options_(store.TableFileOptions(family)),
        handle_(view.handle(family)) {}

  absl::Status Add(const BulkRows::Row& row) {
    if (writer_ != nullptr && writer_->FileSize() >= kMaxFileBytes) {
      ATTUNE_RETURN_IF_ERROR(FinishFile());
    }
    if (writer_ == nullptr) ATTUNE_RETURN_IF_ERROR(StartFile());
    switch (row.kind) {
      case BulkRows::Kind::kPut:
        return Check(writer_->Put(ToSlice(row.key), ToSlice(row.value)));
      case BulkRows::Kind::kMerge:
        return Check(writer_->Merge(ToSlice(row.key), ToSlice(row.value)));
      case BulkRows::Kind::kDelete:
        return Check(writer_->Delete(ToSlice(row.key)));
    }
    return absl::InternalError("unknown kind of row");
  }

  absl::Status FinishFile() {
    if (writer_ == nullptr) return absl::OkStatus();
    const rocksdb::Status status = writer_->Finish();
    writer_.reset();
    return Check(status);
  }

  const std::vector<std::string>& files() const { return files_; }
  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

 private:
  absl::Status StartFile() {
    files_.push_back(
        (BulkDirectory(store_) /
         StrCat(kFamilyNames[Index(family_)], "-", files_.size(), ".sst"))
            .string());
    writer_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(),
                                                       options_, handle_);
    return Check(writer_->Open(files_.back()));
  }

  absl::Status Check(const rocksdb::Status& status) const {
    return Translate(status, StrCat("bulk load into ", store_.name()));
  }

  const Store& store_;
  const Family family_;
  const rocksdb::Options options_;
  rocksdb::ColumnFamilyHandle* const handle_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
  std::vector<std::string> files_;
};

}  // namespace

void RemoveBulkLeftovers(const Store& store) {
  std::error_code ignored;
  fs::remove_all(BulkDirectory(store), ignored);
}

absl::Status IngestRows(const Store& store, const View& view, BulkRows& rows) {
  RemoveBulkLeftovers(store);
  std::error_code error;
  fs::create_directory(BulkDirectory(store), error);
  if (error) {
    const std::string message =
        StrCat("bulk load into ", store.name(), ": ", error.message());
    return error == std::errc::no_space_on_device
               ? absl::ResourceExhaustedError(message)
               : absl::UnavailableError(message);
  }
  const absl::Cleanup remove_files = [&] { RemoveBulkLeftovers(store); };

  std::vector<rocksdb::IngestExternalFileArg> arguments;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    FamilyWriter writer(store, view, static_cast<Family>(i));
    ATTUNE_RETURN_IF_ERROR(rows.ForEachRow(
        view, static_cast<Family>(i),
        [&](const BulkRows::Row& row) { return writer.Add(row); }));
    ATTUNE_RETURN_IF_ERROR(writer.FinishFile());
    if (writer.files().empty()) continue;
    rocksdb::IngestExternalFileArg& argument = arguments.emplace_back();
    argument.column_family = writer.handle();
    argument.external_files = writer.files();
    argument.options.move_files = true;
    argument.options.write_global_seqno = false;
  }
  if (arguments.empty()) return absl::OkStatus();
  // Rows of the log that are older than the files must not be less durable.
  const std::string what = StrCat("bulk load into ", store.name());
  ATTUNE_RETURN_IF_ERROR(Translate(view.db().SyncWAL(), what));
  return Translate(view.db().IngestExternalFiles(arguments), what);
}

}  // namespace attune::storage
