#pragma once

#include <cstdint>
#include <span>

#include "features/item_features.h"

namespace attune::features {

/// What the dense features read of an item, wherever it lies: in an
/// ItemFeatures, as training has it, or side by side in a served item's memory.
/// Owns nothing; the fields are those of ItemFeatures.
struct ItemView {
  ItemView() = default;
  /// Implicit: every function on a view takes an ItemFeatures, too.
  ItemView(const ItemFeatures& item)  // NOLINT(google-explicit-constructor)
      : item_key(item.item_key),
        attribute_keys(item.attribute_keys),
        attribute_idf(item.attribute_idf),
        numeric(item.numeric),
        times_ms(item.times_ms),
        search_keys(item.search_keys),
        series_number(item.series_number),
        unavailable(item.unavailable),
        blank(item.attribute_keys.empty() && item.text_tokens.empty() &&
              item.attribute_tokens.empty() && item.numeric.empty()) {}

  uint64_t item_key = 0;
  std::span<const uint64_t> attribute_keys;
  std::span<const uint8_t> attribute_idf;  ///< [attribute_keys.size()]
  std::span<const float> numeric;
  std::span<const int64_t> times_ms;
  std::span<const uint32_t> search_keys;
  int32_t series_number = 0;
  bool unavailable = false;
  /// Nothing is known but the key.
  bool blank = true;
};

}  // namespace attune::features
