#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/tensor_view.h"
#include "features/dense_layout.h"
#include "features/history_profile.h"
#include "features/item_view.h"

namespace attune::features {

/// Scratch memory of WriteMatchFeatures, in somebody else's bytes: for items
/// with `count` attribute keys in all.
class MatchScratch {
 public:
  static constexpr size_t Bytes(size_t count) { return count * kBytesPerKey; }
  /// `memory` holds Bytes(count), aligned to 16.
  MatchScratch(std::byte* memory, size_t count);

  /// What one field's values of one item gather, weighted by idf.
  struct FieldSums {
    float last_idf, last3_idf;  // whole numbers: exact
    float short_sum, long_sum;
    float short_max, long_max;
    float idf;
    float* out;  // where the field's block lies
  };

  // One element per likely match.
  FieldSums* fields = nullptr;
  uint64_t* keys = nullptr;
  AttributeMatch* matches = nullptr;
  uint32_t* items = nullptr;   // whose key it is
  uint32_t* places = nullptr;  // among the item's keys
  uint32_t* slots = nullptr;
  uint8_t* found = nullptr;

 private:
  static constexpr size_t kBytesPerKey = sizeof(FieldSums) + sizeof(uint64_t) +
                                         sizeof(AttributeMatch) +
                                         3 * sizeof(uint32_t) + sizeof(uint8_t);
};

/// Writes the match block of the items' dense vectors, rows of `dense` [items,
/// at least layout.width()], zeroed before: what a candidate's attributes have
/// in common with the history's, and whether the item itself occurred. O(their
/// attributes). Items go through each step side by side, since a single one's
/// steps wait for each other and for memory; its numbers do not depend on the
/// others.
void WriteMatchFeatures(const DenseLayout& layout,
                        std::span<const ItemView* const> items,
                        const HistoryProfile& profile,
                        const MatchScratch& scratch, MatrixView dense);

}  // namespace attune::features
