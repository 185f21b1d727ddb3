#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// What retrieval knows of one item.
struct CatalogueRow {
  std::string_view id;
  std::span<const float> x;              ///< [D] item vector
  std::span<const uint64_t> categories;  ///< hashes, see CatalogueHash
  uint64_t record_hash = 0;              ///< of the record it was made of
  bool unavailable = false;
};

/// The hash by which rows know ids and categories.
uint64_t CatalogueHash(std::string_view text);

/// Up to kRows items, their parts side by side so that a scan reads what it
/// needs and nothing else. Copied before it is changed, where others read it.
struct CatalogueBlock {
  static constexpr int64_t kRows = 256;

  explicit CatalogueBlock(int64_t width) : x(kRows * width) {}

  int64_t rows = 0;
  std::vector<float> x;  // [kRows, D]
  std::array<std::string, kRows> ids;
  std::array<uint64_t, kRows> id_hashes = {};
  std::array<uint64_t, kRows> record_hashes = {};
  /// Bit CategoryBit(hash) is set for each category of the row: what no bit
  /// rules out is looked up.
  std::array<uint64_t, kRows> category_bits = {};
  std::array<bool, kRows> unavailable = {};
  /// Row i's categories are those from category_begin[i] to [i + 1].
  std::array<uint32_t, kRows + 1> category_begin = {};
  std::vector<uint64_t> categories;

  static uint64_t CategoryBit(uint64_t hash) {
    return uint64_t{1} << (hash >> 58);
  }
  std::span<const uint64_t> CategoriesOf(int64_t row) const {
    return std::span(categories)
        .subspan(category_begin[row],
                 category_begin[row + 1] - category_begin[row]);
  }
  /// Row as it is; a view that lives as long as the block is not changed.
  CatalogueRow Row(int64_t row) const;
  /// Overwrites a row, or appends where row == rows < kRows.
  void Set(int64_t row, const CatalogueRow& value);
  /// Drops the last row.
  void Pop();
};

/// A catalogue at one moment. Immutable; share it by shared_ptr.
struct CatalogueView {
  std::vector<std::shared_ptr<const CatalogueBlock>> blocks;
  int64_t rows = 0;
};

}  // namespace attune
