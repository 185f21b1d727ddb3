#include "storage/owner_claim.h"

#include <sys/stat.h>

#include <cerrno>
#include <mutex>
#include <set>

#include "absl/memory/memory.h"
#include "base/strings.h"

namespace attune::storage {

struct OwnerClaim::Claims {
  std::mutex mutex;
  std::set<Directory> directories;
};

OwnerClaim::Claims& OwnerClaim::AllClaims() {
  // Never destroyed: a database may be closed while the process ends.
  static Claims* const claims = new Claims;
  return *claims;
}

OwnerClaim::OwnerClaim(Directory directory) : directory_(directory) {}

absl::StatusOr<std::unique_ptr<OwnerClaim>> OwnerClaim::Create(
    const std::string& database_path) {
  struct stat file = {};
  if (stat(database_path.c_str(), &file) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("\"", database_path, "\""));
  }
  const Directory directory(file.st_dev, file.st_ino);
  Claims& claims = AllClaims();
  const std::lock_guard lock(claims.mutex);
  if (!claims.directories.insert(directory).second) {
    return absl::AlreadyExistsError(
        StrCat("\"", database_path, "\" is claimed by this process"));
  }
  return absl::WrapUnique(new OwnerClaim(directory));
}

OwnerClaim::~OwnerClaim() {
  Claims& claims = AllClaims();
  const std::lock_guard lock(claims.mutex);
  claims.directories.erase(directory_);
}

}  // namespace attune::storage
