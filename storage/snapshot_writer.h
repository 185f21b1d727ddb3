#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/hash_state.h"
#include "storage/snapshot_format.h"

namespace attune::storage {

/// Writes a snapshot file row by row: under a hidden name beside `path`, which
/// Finish() renames; until then the destructor removes it. Holds 8 bytes per
/// row of the running section, and a mebibyte. Not thread-safe.
///
/// Errors name the path: ResourceExhausted where the disk is full, NotFound
/// where the folder is missing, PermissionDenied, …
class SnapshotWriter {
 public:
  static absl::StatusOr<std::unique_ptr<SnapshotWriter>> Create(
      const std::string& path, const SnapshotKind& kind = kDatabaseSnapshot);
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  /// Ends the section before. REQUIRES: a name of at most 23 characters that
  /// was not used.
  absl::Status BeginSection(std::string_view name);
  /// REQUIRES: keys rise within a section.
  absl::Status Add(std::string_view key, std::string_view value);
  /// Syncs the file and gives it its name; replaces one that is there. Returns
  /// its size in bytes. Call it once, last.
  absl::StatusOr<int64_t> Finish();

 private:
  SnapshotWriter(std::string path, std::string temporary, int fd,
                 const SnapshotKind& kind);

  /// Of the file as it is now, what is buffered included.
  uint64_t position() const { return written_ + buffer_.size(); }
  absl::Status Append(std::string_view bytes);
  absl::Status Align(size_t alignment);
  absl::Status EndSection();
  absl::Status WriteOut();
  absl::Status Fail(int error_number) const;

  const std::string path_;
  const std::string temporary_;
  const SnapshotKind& kind_;
  int fd_ = -1;
  bool finished_ = false;
  std::string buffer_;
  uint64_t written_ = 0;
  SnapshotHeader header_;
  HashState hash_;                // of the running section
  std::vector<uint64_t> begins_;  // of the running section
  std::string last_key_;
  std::string row_;  // scratch
};

}  // namespace attune::storage
