#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/file_descriptor.h"

namespace attune {

/// Curves for TensorBoard: an event file of records as TensorFlow's
/// record_writer lays them down (length, its masked CRC-32C, bytes, their
/// masked CRC-32C). Each call appends what a reader can take at once. Not
/// thread-safe.
class ScalarLog {
 public:
  struct Scalar {
    std::string_view tag;
    double value = 0;
  };

  /// A new file in `directory`, which is made where it is missing; others in it
  /// stay, and TensorBoard joins them. Errors name the path.
  static absl::StatusOr<std::unique_ptr<ScalarLog>> Create(
      const std::string& directory);

  absl::Status Add(int64_t step, std::span<const Scalar> scalars);

 private:
  explicit ScalarLog(FileDescriptor file) : file_(std::move(file)) {}
  absl::Status Append(std::string_view record);

  FileDescriptor file_;
};

/// CRC-32C (Castagnoli) as TensorFlow's records mask it.
uint32_t MaskedCrc32c(std::string_view bytes);

}  // namespace attune
