// A database as one file.
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "storage/database.h"
#include "storage/database_impl.h"
#include "storage/key_codec.h"
#include "storage/snapshot_writer.h"

namespace attune::storage {
namespace {

/// Looks at the cancel flag every so many rows.
constexpr int64_t kRowsPerLook = 4096;

/// Copies sections from a database's rows.
class Packer {
 public:
  Packer(const RowSource& from, const SnapshotOptions& options,
         SnapshotWriter& to)
      : from_(from), options_(options), to_(to) {}

  /// The rows in [begin, end); returns their number.
  absl::StatusOr<int64_t> Section(Family family, std::string_view begin = "",
                                  std::string_view end = "") {
    ATTUNE_RETURN_IF_ERROR(to_.BeginSection(kFamilyNames[Index(family)]));
    int64_t rows = 0;
    ATTUNE_RETURN_IF_ERROR(from_.Scan(
        family, begin, end,
        [&](std::string_view key, std::string_view value) -> absl::Status {
          if (rows++ % kRowsPerLook == 0 && options_.cancelled.IsSet()) {
            return absl::CancelledError(
                StrCat("stopped before ", options_.path, " was complete"));
          }
          return to_.Add(key, value);
        }));
    return rows;
  }

  /// What a reader needs to know of the database, with the counts of what was
  /// packed.
  absl::Status Meta() {
    std::map<std::string, std::string> rows;
    const std::string prefix = MetaKey("");
    ATTUNE_RETURN_IF_ERROR(
        from_.Scan(Family::kMeta, prefix, PrefixEnd(prefix),
                   [&](std::string_view key, std::string_view value) {
                     rows.emplace(key, value);
                     return absl::OkStatus();
                   }));
    std::string value;
    for (const std::string_view key : {kFormatKey, kHistoryLimitKey}) {
      ATTUNE_RETURN_IF_ERROR(from_.Get(Family::kMeta, key, value));
      rows[std::string(key)] = value;
    }
    v1::StoreCounts counts;
    const absl::Status status = from_.Get(Family::kMeta, kCountsKey, value);
    if (!absl::IsNotFound(status)) ATTUNE_RETURN_IF_ERROR(status);
    if (status.ok() && !counts.ParseFromString(value)) {
      return absl::DataLossError(StrCat(from_.name(), ": malformed counts"));
    }
    if (!options_.histories) {
      counts.clear_users();
      counts.clear_events();
      counts.clear_histories();
    }
    rows[std::string(kCountsKey)] = counts.SerializeAsString();
    ATTUNE_RETURN_IF_ERROR(
        to_.BeginSection(kFamilyNames[Index(Family::kMeta)]));
    for (const auto& [key, bytes] : rows) {
      ATTUNE_RETURN_IF_ERROR(to_.Add(key, bytes));
    }
    return absl::OkStatus();
  }

  absl::Status Files() {
    std::map<std::string_view, std::string_view> sorted;
    for (const SnapshotOptions::File& file : options_.files) {
      sorted.emplace(file.name, file.content);
    }
    ATTUNE_RETURN_IF_ERROR(to_.BeginSection(kSnapshotFiles));
    for (const auto& [name, content] : sorted) {
      ATTUNE_RETURN_IF_ERROR(to_.Add(name, content));
    }
    return absl::OkStatus();
  }

 private:
  const RowSource& from_;
  const SnapshotOptions& options_;
  SnapshotWriter& to_;
};

}  // namespace

absl::StatusOr<SnapshotSummary> Database::WriteSnapshot(
    const SnapshotOptions& options) {
  RemoveAbandoned(options.path);
  ATTUNE_ASSIGN_OR_RETURN(const auto writer,
                          SnapshotWriter::Create(options.path));
  Packer packer(impl_->rows, options, *writer);
  SnapshotSummary summary;
  ATTUNE_RETURN_IF_ERROR(packer.Files());
  ATTUNE_RETURN_IF_ERROR(packer.Meta());
  ATTUNE_ASSIGN_OR_RETURN(summary.items, packer.Section(Family::kItems));
  const std::string model = ModelPrefix(options.model_version);
  ATTUNE_ASSIGN_OR_RETURN(
      summary.vectors,
      packer.Section(Family::kItemVectors, model, PrefixEnd(model)));
  ATTUNE_RETURN_IF_ERROR(packer.Section(Family::kCounters).status());
  if (options.histories) {
    ATTUNE_ASSIGN_OR_RETURN(summary.users, packer.Section(Family::kUsers));
    ATTUNE_ASSIGN_OR_RETURN(summary.histories,
                            packer.Section(Family::kHistories));
    ATTUNE_ASSIGN_OR_RETURN(summary.events,
                            packer.Section(Family::kEvents, kAllEventsPrefix,
                                           PrefixEnd(kAllEventsPrefix)));
  }
  ATTUNE_ASSIGN_OR_RETURN(summary.size_bytes, writer->Finish());
  return summary;
}

absl::StatusOr<std::optional<std::string_view>> Database::PackedFile(
    std::string_view file_name) const {
  return impl_->rows.PackedFile(file_name);
}

bool Database::is_snapshot() const { return impl_->snapshot != nullptr; }

absl::Status Database::CheckFile() const {
  return impl_->snapshot != nullptr ? impl_->snapshot->Check()
                                    : absl::OkStatus();
}

}  // namespace attune::storage
