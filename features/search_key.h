#pragma once

#include <cstdint>

namespace attune::features {

/// What a search key of an item stands for.
enum class SearchKind : uint32_t {
  kTitleWord = 0,
  kOtherWord = 1,  ///< of descriptions, labels and text columns
  kPart = 2,       ///< trigram of "<word>" of a title or label
};

/// A word or a part of one in 32 bits: the kind in the top two, so that a
/// sorted list has each kind together, and 30 bits of its hash. That two share
/// one is rare, and a match is a feature, no proof.
inline uint32_t SearchHash(uint64_t hash) {
  return static_cast<uint32_t>(hash >> 20) & 0x3fffffffu;
}
inline uint32_t MakeSearchKey(SearchKind kind, uint32_t search_hash) {
  return static_cast<uint32_t>(kind) << 30 | search_hash;
}
inline SearchKind KindOfSearchKey(uint32_t key) {
  return static_cast<SearchKind>(key >> 30);
}
inline uint32_t HashOfSearchKey(uint32_t key) { return key & 0x3fffffffu; }

/// Under which PipelineState::search knows it: a word is as rare in titles as
/// elsewhere.
inline uint64_t SearchEntry(uint32_t key) {
  const bool part = KindOfSearchKey(key) == SearchKind::kPart;
  return uint64_t{part} << 30 | HashOfSearchKey(key);
}

}  // namespace attune::features
