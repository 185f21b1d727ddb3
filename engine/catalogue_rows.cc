#include "engine/catalogue_rows.h"

#include <algorithm>
#include <cassert>

#include "features/hash.h"

namespace attune {

uint64_t CatalogueHash(std::string_view text) {
  return features::HashBytes(text);
}

CatalogueRow CatalogueBlock::Row(int64_t row) const {
  const int64_t width = static_cast<int64_t>(x.size()) / kRows;
  return {ids[row], std::span(x).subspan(row * width, width), CategoriesOf(row),
          record_hashes[row], unavailable[row]};
}

void CatalogueBlock::Set(int64_t row, const CatalogueRow& value) {
  assert(row <= rows && row < kRows);
  if (row == rows) {
    category_begin[row + 1] = category_begin[row];
    ++rows;
  }
  const int64_t width = static_cast<int64_t>(x.size()) / kRows;
  assert(static_cast<int64_t>(value.x.size()) == width);
  std::copy(value.x.begin(), value.x.end(), x.begin() + row * width);
  ids[row] = value.id;
  id_hashes[row] = CatalogueHash(value.id);
  record_hashes[row] = value.record_hash;
  unavailable[row] = value.unavailable;
  category_bits[row] = 0;
  for (const uint64_t hash : value.categories) {
    category_bits[row] |= CategoryBit(hash);
  }
  // A copy, for they may lie in this block.
  const std::vector<uint64_t> fresh(value.categories.begin(),
                                    value.categories.end());
  const auto first = categories.begin() + category_begin[row];
  const auto last = categories.begin() + category_begin[row + 1];
  const int64_t more = static_cast<int64_t>(fresh.size()) - (last - first);
  categories.insert(categories.erase(first, last), fresh.begin(), fresh.end());
  for (int64_t i = row + 1; i <= rows; ++i) {
    category_begin[i] = static_cast<uint32_t>(category_begin[i] + more);
  }
}

void CatalogueBlock::Pop() {
  assert(rows > 0);
  --rows;
  ids[rows] = std::string();
  categories.resize(category_begin[rows]);
}

}  // namespace attune
