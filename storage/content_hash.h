#pragma once

#include <xxhash.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

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
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace attune::storage
