#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace attune::storage {

/// The file OWNER in a database's directory: the pid of the process that has it
/// open for writing. It informs; what excludes a second writer is RocksDB's
/// lock. Removed by the destructor.
class OwnerFile {
 public:
  /// REQUIRES: this process holds the database's lock.
  static absl::StatusOr<std::unique_ptr<OwnerFile>> Create(
      const std::string& database_path);
  ~OwnerFile();
  OwnerFile(const OwnerFile&) = delete;
  OwnerFile& operator=(const OwnerFile&) = delete;

 private:
  explicit OwnerFile(std::string path);
  const std::string path_;
};

/// The process that holds RocksDB's lock of a database: what OWNER says if that
/// process lives (a killed owner leaves its file behind, and a new one is in
/// front of writing it while it replays the log), else what the kernel says.
/// nullopt when neither knows.
/// REQUIRES: the lock is held, and not by this process, whose lock would be
/// lost by looking (POSIX locks end with any close of the file).
std::optional<pid_t> FindOwner(const std::string& database_path);

}  // namespace attune::storage
