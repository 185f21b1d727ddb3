#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace attune {

/// The bytes of a file, decompressed where it is gzip (told by its first two
/// bytes, not by its name). Not thread-safe.
class ByteSource {
 public:
  /// NotFound, PermissionDenied or InvalidArgument (a directory); DataLoss
  /// where the name ends in .gz and the content is not gzip.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(
      const std::string& path);
  virtual ~ByteSource() = default;

  /// Fills up to buffer.size() bytes and returns how many; 0 means the end.
  /// DataLoss where compressed data is corrupt or ends early; the message does
  /// not name the file, since the caller knows the line as well.
  virtual absl::StatusOr<size_t> Read(std::span<char> buffer) = 0;

  /// Moves forward to `offset` of the decompressed bytes, from the beginning.
  /// REQUIRES: nothing was read yet. OutOfRange where the file is shorter.
  virtual absl::Status SkipTo(int64_t offset) = 0;

  /// Bytes of the file itself taken so far, and its size: for progress.
  virtual int64_t file_position() const = 0;
  virtual int64_t file_size() const = 0;
};

}  // namespace attune
