#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// Distinct ids, numbered 0 … size() - 1 in byte order, so that comparing two
/// indices compares the ids: breaking a tie by index breaks it by id. One
/// arena, no hash table: about 8 bytes per id beyond its text. Immutable and
/// thread-safe.
class IdTable {
 public:
  IdTable() = default;
  /// Takes ids in any order; repeated ones count once.
  explicit IdTable(std::vector<std::string> ids);

  int32_t size() const { return static_cast<int32_t>(offsets_.size()) - 1; }

  /// The id of `index`, in [0, size()). Lives as long as the table.
  std::string_view name(int32_t index) const {
    return std::string_view(arena_).substr(
        offsets_[index], offsets_[index + 1] - offsets_[index]);
  }

  /// The index of `id`, by binary search; nullopt if it is not in the table.
  std::optional<int32_t> Find(std::string_view id) const;

 private:
  std::string arena_;
  std::vector<uint64_t> offsets_ = {0};
};

}  // namespace attune
