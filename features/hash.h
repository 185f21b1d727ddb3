#pragma once

#include <cstdint>
#include <string_view>

namespace attune::features {

/// xxh3, 64 bits: frozen, since hashes are stored in models and databases.
uint64_t HashBytes(std::string_view bytes, uint64_t seed = 0);

/// The key under which profiles know an item.
inline uint64_t ItemKey(std::string_view item_id) {
  return HashBytes(item_id, 0x6974656d);  // "item"
}

}  // namespace attune::features
