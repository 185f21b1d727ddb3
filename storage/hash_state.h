#pragma once

#include <xxhash.h>

#include <memory>
#include <new>

namespace attune::storage {

struct FreeHashState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
/// Of an xxh3 hash, 64 or 128 bits, that is fed piece by piece.
using HashState = std::unique_ptr<XXH3_state_t, FreeHashState>;

/// To be reset before its first use. Throws std::bad_alloc.
inline HashState NewHashState() {
  HashState state(XXH3_createState());
  if (state == nullptr) throw std::bad_alloc();
  return state;
}

}  // namespace attune::storage
