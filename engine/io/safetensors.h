#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/file_descriptor.h"

namespace attune {

/// One tensor of a safetensors file.
struct TensorEntry {
  std::string name;
  std::string dtype;  ///< "F32", "BF16", …
  std::vector<int64_t> shape;
  int64_t offset = 0;  ///< of its bytes in the file
  int64_t size_bytes = 0;

  int64_t elements() const;
};

/// A safetensors file: 8 bytes of header length, a JSON header, the numbers.
/// The header is checked whole when it is opened: bounds, sizes against shapes,
/// no repeated names, no overlap, no gap, no byte behind the last tensor.
///
/// Numbers are read with pread, not mapped: a mapped file that somebody
/// shortens ends the process with SIGBUS. Const use is thread-safe.
class SafetensorsFile {
 public:
  /// DataLoss, naming the path, for anything that is not a safetensors file.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(
      const std::string& path);
  /// The same of bytes in memory, which must outlive the object; `name` is for
  /// messages.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> OpenBytes(
      const std::string& name, std::string_view bytes);

  /// In the order of their bytes.
  const std::vector<TensorEntry>& tensors() const { return tensors_; }
  /// Null where there is none of that name.
  const TensorEntry* Find(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }

  /// Reads a tensor of dtype F32, BF16 or F16 as floats. NotFound where there
  /// is none of that name; InvalidArgument, with both values, where dtype or
  /// shape do not fit. out.size() must be the product of `shape`.
  absl::Status Read(std::string_view name, std::span<const int64_t> shape,
                    std::span<float> out) const;

 private:
  SafetensorsFile(std::string path, FileDescriptor file, std::string_view bytes)
      : path_(std::move(path)), file_(std::move(file)), bytes_(bytes) {}
  /// Of a file or bytes of that size.
  absl::Status ReadHeader(int64_t size);
  absl::Status ParseHeader(const std::string& header, int64_t data_begin,
                           int64_t file_size);
  absl::Status ReadBytes(int64_t offset, std::span<char> out) const;

  std::string path_;
  FileDescriptor file_;     // closed: the bytes
  std::string_view bytes_;  // in memory
  std::vector<TensorEntry> tensors_;
  std::map<std::string, size_t, std::less<>> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// Collects tensors and writes them in the order given, so that equal tensors
/// give equal bytes. Not thread-safe.
class SafetensorsWriter {
 public:
  enum class Type { kF32, kBF16 };

  void SetMetadata(std::string key, std::string value) {
    metadata_[std::move(key)] = std::move(value);
  }
  /// `values` [product of shape] is not copied and must live until Write().
  /// kBF16 rounds to nearest, ties to even. InvalidArgument for a repeated name
  /// or a wrong size.
  absl::Status Add(std::string name, std::vector<int64_t> shape,
                   std::span<const float> values, Type type = Type::kF32);

  /// Replaces the file atomically.
  absl::Status Write(const std::string& path) const;

 private:
  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    std::span<const float> values;
    Type type;
  };
  std::vector<Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace attune
