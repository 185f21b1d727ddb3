#pragma once

#include <array>
#include <cstddef>

namespace attune::storage {

/// The column families, a fixed set made with the database: a follower does not
/// see families that are made later.
enum class Family : size_t {
  kMeta,  // RocksDB's default family
  kItems,
  kItemVectors,
  kUsers,
  kEvents,
  kHistories,
  kStates,
  kCounters,
  kAudit,
};

inline constexpr std::array<const char*, 9> kFamilyNames = {
    "default",   "items",  "item_vectors", "users", "events",
    "histories", "states", "counters",     "audit"};
inline constexpr size_t kFamilyCount = kFamilyNames.size();

inline constexpr size_t Index(Family family) {
  return static_cast<size_t>(family);
}

}  // namespace attune::storage
