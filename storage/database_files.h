#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune::storage {

/// What a database's directory says before RocksDB has looked at it. A format
/// that this build does not know must be refused before anything is opened:
/// opening for writing already rewrites files. So the format version is in the
/// meta family and, for this, in the file ATTUNE_FORMAT, too.
struct DirectoryState {
  bool has_database = false;
  /// 0 when there is no ATTUNE_FORMAT.
  int format_version = 0;
};

/// DataLoss for files that contradict each other: table files without CURRENT,
/// an unreadable ATTUNE_FORMAT.
absl::StatusOr<DirectoryState> InspectDirectory(const std::string& path);

/// FailedPrecondition unless this build reads the version.
absl::Status CheckFormat(const std::string& path, int format_version);

/// Makes the directory, if it is missing (its parent must exist), and
/// ATTUNE_FORMAT in it.
absl::Status PrepareDirectory(const std::string& path);

/// Name and size of the current MANIFEST. It grows with every flush, compaction
/// and ingestion, so equal stamps mean that the set of table files is the same.
absl::StatusOr<std::string> ManifestStamp(const std::string& path);

/// Names of the write-ahead log files, sorted.
std::vector<std::string> LogFiles(const std::string& path);

/// Bytes of the write-ahead log files.
int64_t LogBytes(const std::string& path);

}  // namespace attune::storage
