#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/family.h"
#include "storage/statistics.h"

namespace attune::storage {

/// Where the rows lie that a Database reads: in RocksDB (Store), or in one
/// mapped file (SnapshotFile). Keys and values are bytes; what they mean is
/// Database's. Thread-safe.
class RowSource {
 public:
  virtual ~RowSource() = default;

  /// `database "<path>"`, for messages.
  virtual const std::string& name() const = 0;

  /// Reads one row into `value`: Ok, NotFound or an error.
  virtual absl::Status Get(Family family, std::string_view key,
                           std::string& value) const = 0;

  /// Calls found(i, value) for those keys[i] that exist, in no particular
  /// order; `value` lives during the call. Keys may repeat. A status other than
  /// Ok from `found` ends the read.
  virtual absl::Status MultiGet(
      Family family, std::span<const std::string_view> keys,
      absl::FunctionRef<absl::Status(size_t, std::string_view)> found)
      const = 0;

  /// Calls fn(key, value) for the keys in [begin, end), in order, over the
  /// state at the call's begin; an empty `end`: to the last one.
  virtual absl::Status Scan(
      Family family, std::string_view begin, std::string_view end,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> fn)
      const = 0;

  /// A file that is packed beside the rows; see Database::PackedFile.
  virtual absl::StatusOr<std::optional<std::string_view>> PackedFile(
      std::string_view /*file_name*/) const {
    return std::nullopt;
  }

  /// Grows with every write that the source sees.
  virtual uint64_t latest_sequence() const = 0;
  /// What the source knows of its own sizes.
  virtual void AddStatistics(Statistics& statistics) const = 0;
};

}  // namespace attune::storage
