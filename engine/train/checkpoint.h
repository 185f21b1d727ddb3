#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// Collects named blobs and writes them as one file. Blobs are views: what they
/// show must live until Save() returns. Not thread-safe.
class CheckpointWriter {
 public:
  /// Names must differ (InvalidArgument from Save otherwise).
  void Add(std::string_view name, std::string_view bytes);
  void Add(std::string_view name, std::span<const float> floats);

  /// Writes beside `path`, syncs, and renames: whenever the process or the
  /// machine dies, `path` holds the previous checkpoint or this one, whole. On
  /// error the previous one is still there. One process saves to one path.
  absl::Status Save(const std::string& path) const;

 private:
  struct Blob {
    std::string name;
    std::string_view bytes;
  };
  std::vector<Blob> blobs_;
};

/// A checkpoint file in memory. Layout, little-endian: "ATTNCKPT", u32 version,
/// u32 blob count; per blob u32 name size, name, u64 offset, u64 size, u64 xxh3
/// of the content; u64 xxh3 of all before; the contents, each at a multiple of
/// 64. Immutable and thread-safe.
class Checkpoint {
 public:
  static constexpr uint32_t kVersion = 1;

  /// NotFound if there is no file; DataLoss, naming the file and the blob, for
  /// what is truncated, altered or no checkpoint; FailedPrecondition for a
  /// newer version.
  static absl::StatusOr<Checkpoint> Load(const std::string& path);

  bool Contains(std::string_view name) const;
  /// Lives as long as the Checkpoint. NotFound names the blob.
  absl::StatusOr<std::string_view> Bytes(std::string_view name) const;
  /// Copies a blob into `floats`; InvalidArgument with both sizes if they
  /// differ.
  absl::Status ReadFloats(std::string_view name, std::span<float> floats) const;
  absl::StatusOr<std::vector<float>> Floats(std::string_view name) const;

 private:
  absl::Status Parse(const std::string& path);

  std::string content_;
  struct Extent {
    size_t offset = 0;
    size_t size = 0;
  };
  std::map<std::string, Extent, std::less<>> blobs_;
};

}  // namespace attune
