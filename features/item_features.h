#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace attune::features {

/// Attribute keys carry their match field in the low 8 bits and 56 bits of
/// hash above, so that equal values of different fields never match.
inline constexpr int kMaxMatchFields = 24;
inline int AttributeField(uint64_t key) { return static_cast<int>(key & 0xff); }
inline uint64_t MakeAttributeKey(int field, uint64_t hash) {
  return (hash & ~uint64_t{0xff}) | static_cast<uint64_t>(field);
}

/// What a model and the cross features need of one item; made by
/// Pipeline::EncodeItem when an item is written, stored beside its vector.
struct ItemFeatures {
  uint64_t item_key = 0;  ///< ItemKey(item_id)
  /// Rows in [0, Pipeline::text_rows()): title words first, then the
  /// description's and text columns', then character n-grams; no repeats.
  std::vector<int32_t> text_tokens;
  /// Rows in [0, Pipeline::attribute_rows()): known "field=value" pairs and
  /// the buckets of numeric columns; no repeats.
  std::vector<int32_t> attribute_tokens;
  /// Every "field=value", known or not, title words and series included, for
  /// exact matches between items. Sorted by field, then by hash; no repeats.
  std::vector<uint64_t> attribute_keys;
  /// [attribute_keys.size()]: inverse document frequency in units of 1/16.
  std::vector<uint8_t> attribute_idf;
  /// [Pipeline::numeric_width()]: transformed values, each followed by a flag
  /// that is 1 where the value is missing (then the value is 0).
  std::vector<float> numeric;
  /// [Pipeline::time_columns()]: Unix ms, kMissingTime where missing.
  std::vector<int64_t> times_ms;
  /// SearchKeys of title, texts and labels, sorted, no repeats; empty where
  /// requests carry no text.
  std::vector<uint32_t> search_keys;
  int32_t series_number = 0;  ///< volume named in the title; 0: none
  bool unavailable = false;

  static constexpr int64_t kMissingTime = INT64_MIN;

  /// Compact bytes with a format version. Round trip is exact.
  std::string Serialize() const;
  /// Fills *this, keeping its memory. InvalidArgument for anything that
  /// Serialize did not write (bounds, order, finite numbers); *this is then
  /// empty. Use Pipeline::ParseItem, which also checks against the model.
  absl::Status Parse(std::string_view bytes);

  void Clear();
  friend bool operator==(const ItemFeatures&, const ItemFeatures&) = default;
};

/// Most of one list that Parse accepts; EncodeItem stays far below.
inline constexpr size_t kMaxSerializedList = 4096;

}  // namespace attune::features
