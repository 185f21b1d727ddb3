#pragma once

#include <span>
#include <string>
#include <string_view>

#include "storage/hash_state.h"

namespace attune::storage {

/// xxh3-128 of bytes, in one piece or several. Not thread-safe.
class ContentHash {
 public:
  /// Throws std::bad_alloc.
  ContentHash();
  void Update(std::span<const char> bytes);
  /// Of what came so far, as 32 hex digits.
  std::string Hex() const;
  static std::string Of(std::string_view bytes);

 private:
  HashState state_;
};

}  // namespace attune::storage
