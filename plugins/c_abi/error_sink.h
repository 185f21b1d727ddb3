#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "plugins/c_abi/attune.h"

namespace attune {

/// Bytes of the longest prefix of UTF-8 `text` that fits `limit` bytes and ends
/// at a character's boundary.
size_t Utf8Prefix(std::string_view text, size_t limit) noexcept;

/// Where a call's outcome goes: the caller's attune_error, or nowhere. Never
/// allocates, never throws.
class ErrorSink {
 public:
  /// `error` may be null. A malformed struct is not written to; status() then
  /// says why and the call must return it.
  explicit ErrorSink(attune_error* error) noexcept;

  bool usable() const { return usable_; }

  /// Writes code and message; returns `code`.
  int Set(int code, std::string_view message) noexcept;
  int Set(const absl::Status& status) noexcept;

 private:
  attune_error* error_ = nullptr;
  bool has_length_ = false;
  bool usable_ = true;
};

}  // namespace attune
