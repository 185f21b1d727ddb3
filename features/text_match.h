#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "features/search_key.h"

namespace attune::features {

/// A word or part of a word of a request's text.
struct QueryTerm {
  uint32_t hash = 0;  ///< of a SearchKey, without its kind
  float idf = 0;      ///< > 0
  bool is_word = false;
};

/// The words of a request's text, looked for in those of its candidates: the
/// source of the text features. Built once per request; a candidate costs a
/// lookup per search key. Memory is kept by Set(). Not thread-safe; const use
/// is.
class TextMatch {
 public:
  /// Values of one candidate's block.
  enum Value {
    kTitle,         // share (by idf) of the text's words in the title
    kWords,         // … anywhere in the item
    kAllWords,      // 1 if all of them are
    kParts,         // share (by idf) of the words' trigrams
    kTitleCovered,  // share of the title's words that are in the text
    kPartsCovered,  // share of the item's trigrams that are
    kWidth,
  };

  /// Replaces the text; no terms: there is none.
  void Set(std::span<const QueryTerm> terms);
  bool empty() const { return terms_ == 0; }

  /// keys: ItemFeatures::search_keys. out [kWidth] is written, all of it within
  /// [0, 1].
  void Write(std::span<const uint32_t> keys, float* out) const;

 private:
  struct Slot {
    uint32_t key = 0;
    float idf = 0;  // 0: free
  };
  void Insert(uint32_t key, float idf);
  size_t Home(uint32_t key) const {
    return static_cast<size_t>(key * 0x9e3779b1u) >> shift_;
  }

  std::vector<Slot> slots_;  // a power of two
  int shift_ = 0;
  size_t terms_ = 0;
  int words_ = 0;
  float word_idf_ = 0, part_idf_ = 0;
};

}  // namespace attune::features
