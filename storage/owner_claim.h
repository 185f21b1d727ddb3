#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace attune::storage {

/// This process's right to open a database directory for writing, until the
/// destructor. RocksDB's lock does not keep two owners of one process apart
/// when they spell its path in different ways, and the first one to close ends
/// the lock for both. Thread-safe.
class OwnerClaim {
 public:
  /// AlreadyExists while another claim of this process names the same directory
  /// by whatever path; NotFound and other errors where there is none.
  static absl::StatusOr<std::unique_ptr<OwnerClaim>> Create(
      const std::string& database_path);
  ~OwnerClaim();
  OwnerClaim(const OwnerClaim&) = delete;
  OwnerClaim& operator=(const OwnerClaim&) = delete;

 private:
  using Directory = std::pair<dev_t, ino_t>;
  struct Claims;
  static Claims& AllClaims();

  explicit OwnerClaim(Directory directory);
  const Directory directory_;
};

}  // namespace attune::storage
