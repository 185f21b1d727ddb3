#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune::features {

/// Bounds of one call; text beyond them is left out, never an error.
struct TokenizerLimits {
  size_t max_bytes = 8192;  ///< of input, cut at a character
  size_t max_words = 256;
  size_t max_word_characters = 32;  ///< longer words are cut
};

/// Text in any language to words and character n-grams: NFKC case folding, then
/// ICU's word boundaries (dictionaries for Chinese, Japanese, Thai, Khmer, Lao,
/// Burmese). Invalid UTF-8 becomes U+FFFD, which is no word. The result depends
/// on the ICU version only, never on the locale. Not thread-safe; Clone() is
/// cheap and gives one for another thread.
class Tokenizer {
 public:
  /// Internal where ICU's data cannot be loaded.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create(
      const TokenizerLimits& limits = {});
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  absl::StatusOr<std::unique_ptr<Tokenizer>> Clone() const;

  /// NFKC-casefolded text with white space trimmed and collapsed, valid UTF-8.
  std::string Normalise(std::string_view text);

  /// Normalised words (letters, digits, ideographs, emoji; no punctuation), in
  /// order, with repeats. Clears `words` first.
  void Words(std::string_view text, std::vector<std::string>* words);

  /// Words, then for every word its n-grams of n = 3 to 5 characters over
  /// "<word>", the whole of it left out.
  std::vector<std::string> TokenizeText(std::string_view text);

 private:
  struct Icu;
  Tokenizer(std::unique_ptr<Icu> icu, const TokenizerLimits& limits);

  std::unique_ptr<Icu> icu_;
  TokenizerLimits limits_;
};

/// Character n-grams of "<word>" (valid UTF-8), left to right; none where n is
/// not smaller than the marked word's length. Appends to `grams`.
void AppendCharacterNgrams(std::string_view word, int n,
                           std::vector<std::string>* grams);

}  // namespace attune::features
