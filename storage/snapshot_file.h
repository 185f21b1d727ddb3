#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/row_source.h"
#include "storage/snapshot_format.h"

namespace attune::storage {

/// A snapshot file, mapped into memory: its pages are the page cache's, shared
/// by all processes that read it. Opening reads the header and nothing else,
/// whatever the file's size. A row's hash is checked whenever it is read, so
/// that damage is DataLoss and never a wrong number; Check() looks at it all.
///
/// The file must not be shortened while it is open (the process would end with
/// SIGBUS); to replace it, rename another over it, as SnapshotWriter does.
class SnapshotFile final : public RowSource {
 public:
  /// Errors name the path: InvalidArgument for a file that is no snapshot,
  /// FailedPrecondition for a newer version, DataLoss for a damaged or
  /// truncated one.
  static absl::StatusOr<std::unique_ptr<SnapshotFile>> Open(
      const std::string& path, const SnapshotKind& kind = kDatabaseSnapshot);
  ~SnapshotFile() override;
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;

  /// Reads every byte: hashes and order. DataLoss names the section.
  absl::Status Check() const;

  const std::string& name() const override { return name_; }
  absl::Status Get(Family family, std::string_view key,
                   std::string& value) const override;
  absl::Status MultiGet(
      Family family, std::span<const std::string_view> keys,
      absl::FunctionRef<absl::Status(size_t, std::string_view)> found)
      const override;
  absl::Status Scan(
      Family family, std::string_view begin, std::string_view end,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> fn)
      const override;
  absl::StatusOr<std::optional<std::string_view>> PackedFile(
      std::string_view file_name) const override;
  uint64_t latest_sequence() const override { return 0; }
  void AddStatistics(Statistics& statistics) const override;

 private:
  /// One section in memory; without rows where the file does not have it.
  struct Section {
    std::string_view name;
    const char* rows = nullptr;
    uint64_t rows_bytes = 0;
    std::span<const uint64_t> begins;  // [rows + 1], or empty
    uint64_t hash = 0;

    bool present() const { return !begins.empty(); }
    uint64_t count() const { return present() ? begins.size() - 1 : 0; }
  };
  struct Row {
    std::string_view key, value;
    uint64_t hash = 0;
    std::string_view hashed;  // what the hash is of
  };

  SnapshotFile(std::string path, const SnapshotKind& kind, const char* data,
               size_t size);

  absl::Status ReadHeader();
  absl::Status Damaged(std::string_view what) const;
  /// FailedPrecondition where rows of users are asked of a file without them.
  absl::Status CheckHas(Family family) const;
  /// DataLoss where the row does not lie within its section.
  absl::Status ReadRow(const Section& section, uint64_t index, Row& row) const;
  absl::Status CheckRow(const Section& section, const Row& row) const;
  /// The first row whose key is not below `key`, count() where there is none.
  absl::StatusOr<uint64_t> LowerBound(const Section& section,
                                      std::string_view key) const;
  /// nullopt where there is no such row.
  absl::StatusOr<std::optional<std::string_view>> Find(
      const Section& section, std::string_view key) const;
  const Section& section(Family family) const {
    return families_[Index(family)];
  }

  const std::string path_;
  const SnapshotKind& kind_;
  const std::string name_;
  const char* const data_;  // mapped
  const size_t size_;
  std::array<Section, kFamilyCount> families_;
  Section files_;
};

}  // namespace attune::storage
