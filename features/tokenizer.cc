#include "features/tokenizer.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "features/utf8.h"

namespace attune::features {
namespace {

absl::Status IcuError(std::string_view what, UErrorCode code) {
  return absl::InternalError(StrCat("ICU: ", what, ": ", u_errorName(code)));
}

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
         c == '\v';
}

// Trims and collapses white space in place. NFKC has already turned the
// compatibility spaces (no-break, ideographic) into U+0020.
void CollapseSpace(std::string& text) {
  size_t length = 0;
  bool pending = false;
  for (const char c : text) {
    if (IsSpace(c)) {
      pending = length > 0;
      continue;
    }
    if (pending) text[length++] = ' ';
    pending = false;
    text[length++] = c;
  }
  text.resize(length);
}

size_t SkipCharacters(std::string_view text, size_t begin, size_t count) {
  size_t i = begin;
  while (count > 0 && i < text.size()) {
    U8_FWD_1(text.data(), i, text.size());
    --count;
  }
  return i;
}

// ICU gives emoji the status of punctuation.
bool IsPictograph(std::string_view segment) {
  size_t i = 0;
  UChar32 character;
  U8_NEXT(segment.data(), i, segment.size(), character);
  return character > 0 &&
         (u_hasBinaryProperty(character, UCHAR_EXTENDED_PICTOGRAPHIC) ||
          u_hasBinaryProperty(character, UCHAR_REGIONAL_INDICATOR));
}

}  // namespace

struct Tokenizer::Icu {
  const icu::Normalizer2* normalizer = nullptr;  // owned by ICU
  std::unique_ptr<icu::BreakIterator> breaker;
  UText* text = nullptr;  // opened anew for every input, memory reused
  std::string normalised;

  ~Icu() {
    // The breaker's shallow clone of the text goes first.
    breaker.reset();
    if (text != nullptr) utext_close(text);
  }
};

Tokenizer::Tokenizer(std::unique_ptr<Icu> icu, const TokenizerLimits& limits)
    : icu_(std::move(icu)), limits_(limits) {}

Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(
    const TokenizerLimits& limits) {
  UErrorCode code = U_ZERO_ERROR;
  auto icu = std::make_unique<Icu>();
  icu->normalizer = icu::Normalizer2::getNFKCCasefoldInstance(code);
  if (U_FAILURE(code)) return IcuError("NFKC case folding", code);
  icu->breaker.reset(
      icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), code));
  if (U_FAILURE(code)) return IcuError("word boundaries", code);
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(icu), limits));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Clone() const {
  auto icu = std::make_unique<Icu>();
  icu->normalizer = icu_->normalizer;
  icu->breaker.reset(icu_->breaker->clone());
  if (icu->breaker == nullptr) {
    return absl::ResourceExhaustedError("ICU: no memory for a word breaker");
  }
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(icu), limits_));
}

std::string Tokenizer::Normalise(std::string_view text) {
  text = CutUtf8(text, limits_.max_bytes);
  // ICU passes malformed bytes through, and break iterators see them as they
  // like.
  std::string repaired;
  if (!IsValidUtf8(text)) {
    repaired = RepairUtf8(text);
    text = repaired;
  }
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode code = U_ZERO_ERROR;
  icu_->normalizer->normalizeUTF8(
      0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
      nullptr, code);
  if (U_FAILURE(code)) return {};  // no memory
  CollapseSpace(result);
  return result;
}

void Tokenizer::Words(std::string_view text, std::vector<std::string>* words) {
  words->clear();
  icu_->normalised = Normalise(text);
  const std::string& normalised = icu_->normalised;
  if (normalised.empty()) return;
  UErrorCode code = U_ZERO_ERROR;
  icu_->text = utext_openUTF8(icu_->text, normalised.data(),
                              static_cast<int64_t>(normalised.size()), &code);
  icu_->breaker->setText(icu_->text, code);
  if (U_FAILURE(code)) return;  // no memory
  int32_t begin = icu_->breaker->first();
  for (int32_t end = icu_->breaker->next();
       end != icu::BreakIterator::DONE && words->size() < limits_.max_words;
       begin = end, end = icu_->breaker->next()) {
    std::string_view segment(normalised.data() + begin,
                             static_cast<size_t>(end - begin));
    const bool is_word =
        icu_->breaker->getRuleStatus() >= UBRK_WORD_NONE_LIMIT ||
        IsPictograph(segment);
    if (!is_word) continue;
    words->emplace_back(segment.substr(
        0, SkipCharacters(segment, 0, limits_.max_word_characters)));
  }
}

std::vector<std::string> Tokenizer::TokenizeText(std::string_view text) {
  std::vector<std::string> tokens;
  Words(text, &tokens);
  const size_t words = tokens.size();
  for (size_t i = 0; i < words; ++i) {
    const std::string word = tokens[i];  // tokens grows below
    for (int n = 3; n <= 5; ++n) AppendCharacterNgrams(word, n, &tokens);
  }
  return tokens;
}

void AppendCharacterNgrams(std::string_view word, int n,
                           std::vector<std::string>* grams) {
  const std::string marked = StrCat("<", word, ">");
  size_t begin = 0;
  size_t end = SkipCharacters(marked, 0, static_cast<size_t>(n));
  if (end >= marked.size()) return;
  while (true) {
    grams->emplace_back(marked, begin, end - begin);
    if (end >= marked.size()) return;
    begin = SkipCharacters(marked, begin, 1);
    end = SkipCharacters(marked, end, 1);
  }
}

}  // namespace attune::features
