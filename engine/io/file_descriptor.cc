#include "engine/io/file_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace attune {

absl::Status ErrnoStatus(int error_number, std::string_view what) {
  // std::strerror is not thread-safe; the category's message is.
  const std::string message =
      StrCat(what, ": ", std::generic_category().message(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int FileDescriptor::Release() { return std::exchange(fd_, -1); }

absl::StatusOr<FileDescriptor> FileDescriptor::Open(const std::string& path,
                                                    int flags, int mode) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, path);
  return FileDescriptor(fd);
}

absl::StatusOr<FileDescriptor> FileDescriptor::OpenForReading(
    const std::string& path) {
  return Open(path, O_RDONLY);
}

absl::StatusOr<size_t> FileDescriptor::Read(std::span<char> buffer) {
  ssize_t count;
  do {
    count = ::read(fd_, buffer.data(), buffer.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) return ErrnoStatus(errno, "cannot read");
  return static_cast<size_t>(count);
}

absl::Status FileDescriptor::WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "cannot write");
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status FileDescriptor::Sync() {
  if (::fsync(fd_) != 0) return ErrnoStatus(errno, "cannot fsync");
  return absl::OkStatus();
}

absl::Status FileDescriptor::Close() {
  const int fd = Release();
  if (fd >= 0 && ::close(fd) != 0) return ErrnoStatus(errno, "cannot close");
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FileDescriptor::SizeBytes(
    const std::string& path) const {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(StrCat(
        path, ": is ", S_ISDIR(info.st_mode) ? "a directory" : "not a file"));
  }
  return static_cast<int64_t>(info.st_size);
}

}  // namespace attune
