#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// The status that fits an errno: NotFound, PermissionDenied, AlreadyExists,
/// ResourceExhausted (no space) or Unavailable; "`what`: <strerror>".
absl::Status ErrnoStatus(int error_number, std::string_view what);

/// Owns an open file. Not thread-safe.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  /// Errors name the path.
  static absl::StatusOr<FileDescriptor> OpenForReading(const std::string& path);
  /// `flags` as in open(2), for instance O_WRONLY | O_CREAT | O_EXCL.
  static absl::StatusOr<FileDescriptor> Open(const std::string& path, int flags,
                                             int mode = 0644);

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

  /// Up to buffer.size() bytes; 0 at the end.
  absl::StatusOr<size_t> Read(std::span<char> buffer);
  absl::Status WriteAll(std::string_view bytes);
  /// fsync: on return the content survives the machine's death.
  absl::Status Sync();
  /// Closes and says whether that worked; the destructor cannot.
  absl::Status Close();
  /// InvalidArgument where `path` is not a regular file.
  absl::StatusOr<int64_t> SizeBytes(const std::string& path) const;

 private:
  int Release();
  int fd_ = -1;
};

}  // namespace attune
