#include "storage/owner_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/memory/memory.h"
#include "base/strings.h"

namespace attune::storage {
namespace {

std::string OwnerPath(const std::string& database_path) {
  return database_path + "/OWNER";
}

bool IsAlive(pid_t pid) { return kill(pid, 0) == 0 || errno == EPERM; }

std::optional<pid_t> AskKernel(const std::string& database_path) {
  const int file =
      open((database_path + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool known = fcntl(file, F_GETLK, &lock) == 0 &&
                     lock.l_type != F_UNLCK && lock.l_pid > 0;
  close(file);
  if (!known) return std::nullopt;
  return lock.l_pid;
}

}  // namespace

OwnerFile::OwnerFile(std::string path) : path_(std::move(path)) {}

absl::StatusOr<std::unique_ptr<OwnerFile>> OwnerFile::Create(
    const std::string& database_path) {
  const std::string path = OwnerPath(database_path);
  // Renamed into place: a reader never sees half a number.
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << getpid() << "\n";
    file.flush();
    if (!file) {
      return absl::UnavailableError(StrCat("cannot write ", temporary));
    }
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot create ", path));
  }
  return absl::WrapUnique(new OwnerFile(path));
}

OwnerFile::~OwnerFile() { unlink(path_.c_str()); }

std::optional<pid_t> FindOwner(const std::string& database_path) {
  std::ifstream file(OwnerPath(database_path));
  pid_t pid = 0;
  if (file >> pid && pid > 0 && IsAlive(pid)) return pid;
  return AskKernel(database_path);
}

}  // namespace attune::storage
