#pragma once

#include <cstddef>

#include "absl/status/status.h"

namespace attune {

/// How one ceiling is shared out. The store's share depends on the ceiling
/// alone, since it is fixed when the database is opened, before its models are
/// known; models and their retrieval indexes take what they are; user states
/// get half of the rest and the items of each of two models a quarter, at most
/// a quarter of the ceiling each. A value; immutable.
class MemoryBudget {
 public:
  /// InvalidArgument where the store's least share does not leave anything.
  static absl::Status Check(size_t limit_bytes);
  explicit MemoryBudget(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  size_t limit_bytes() const { return limit_bytes_; }
  size_t block_cache_bytes() const { return limit_bytes_ / 8; }
  size_t row_cache_bytes() const { return limit_bytes_ / 32; }
  size_t write_buffer_bytes() const;

  /// ResourceExhausted, with the figures, where models and indexes of so many
  /// bytes leave less than kLeastBytes.
  absl::Status CheckModels(size_t model_bytes) const;

  /// Beside models and indexes of so many bytes.
  size_t user_state_bytes(size_t model_bytes) const;
  size_t item_bytes_per_model(size_t model_bytes) const;

  /// Least room for user states and item vectors together.
  static constexpr size_t kLeastBytes = size_t{1} << 20;

 private:
  /// What the store leaves.
  size_t Rest() const;
  /// What the store, models and indexes leave.
  size_t Caches(size_t model_bytes) const;

  size_t limit_bytes_;
};

}  // namespace attune
