#include "features/text_match.h"

#include <algorithm>
#include <array>
#include <bit>

namespace attune::features {

void TextMatch::Set(std::span<const QueryTerm> terms) {
  terms_ = terms.size();
  words_ = 0;
  word_idf_ = part_idf_ = 0;
  if (terms.empty()) return;
  // A word has a key as title's and one as another's; half of the slots stay
  // free, so that most of an item's keys end at the first look.
  const size_t size = std::bit_ceil(4 * terms.size() + 2);
  slots_.assign(size, Slot{});
  shift_ = 32 - std::countr_zero(size);
  for (const QueryTerm& term : terms) {
    if (term.is_word) {
      ++words_;
      word_idf_ += term.idf;
      Insert(MakeSearchKey(SearchKind::kTitleWord, term.hash), term.idf);
      Insert(MakeSearchKey(SearchKind::kOtherWord, term.hash), term.idf);
    } else {
      part_idf_ += term.idf;
      Insert(MakeSearchKey(SearchKind::kPart, term.hash), term.idf);
    }
  }
}

void TextMatch::Insert(uint32_t key, float idf) {
  const size_t mask = slots_.size() - 1;
  size_t i = Home(key);
  while (slots_[i].idf > 0 && slots_[i].key != key) i = (i + 1) & mask;
  slots_[i] = {key, idf};
}

void TextMatch::Write(std::span<const uint32_t> keys, float* out) const {
  std::fill_n(out, kWidth, 0.0f);
  if (empty() || keys.empty()) return;
  const size_t mask = slots_.size() - 1;
  struct Sums {
    int count = 0, found = 0;
    float idf = 0;
  };
  std::array<Sums, 4> sums = {};  // by kind
  for (const uint32_t key : keys) {
    Sums& of_kind = sums[key >> 30];
    ++of_kind.count;
    for (size_t i = Home(key); slots_[i].idf > 0; i = (i + 1) & mask) {
      if (slots_[i].key != key) continue;
      ++of_kind.found;
      of_kind.idf += slots_[i].idf;
      break;
    }
  }
  const auto& [title, other, part, none] = sums;
  const auto share = [](float of, float all) {
    return all > 0 ? std::min(of / all, 1.0f) : 0.0f;
  };
  const auto counted = [](const Sums& of_kind) {
    return of_kind.count > 0 ? static_cast<float>(of_kind.found) /
                                   static_cast<float>(of_kind.count)
                             : 0.0f;
  };
  out[kTitle] = share(title.idf, word_idf_);
  out[kWords] = share(title.idf + other.idf, word_idf_);
  out[kAllWords] = title.found + other.found >= words_ ? 1.0f : 0.0f;
  out[kParts] = share(part.idf, part_idf_);
  out[kTitleCovered] = counted(title);
  out[kPartsCovered] = counted(part);
}

}  // namespace attune::features
