#include "features/series_title.h"

#include <algorithm>
#include <array>
#include <optional>

namespace attune::features {
namespace {

constexpr int32_t kMaxNumber = 9999;

bool IsMarker(std::string_view word) {
  constexpr std::array<std::string_view, 22> kMarkers = {
      "vol",  "volume", "book",    "part",  "no",     "number",
      "nr",   "nº",     "episode", "ep",    "season", "chapter",
      "band", "teil",   "tome",    "livre", "partie", "том",
      "том.", "часть",  "卷",      "第"};
  return std::find(kMarkers.begin(), kMarkers.end(), word) != kMarkers.end();
}

// "3" and "3.5" (a novella between 3 and 4) are 3; none for other words.
std::optional<int32_t> ArabicNumber(std::string_view word) {
  int32_t number = 0;
  size_t digits = 0;
  while (digits < word.size() && word[digits] >= '0' && word[digits] <= '9') {
    number = number * 10 + (word[digits] - '0');
    if (number > kMaxNumber) return std::nullopt;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  const bool whole = digits == word.size();
  const bool fraction = !whole && word[digits] == '.';
  if (!whole && !fraction) return std::nullopt;
  return number;
}

std::optional<int32_t> RomanNumber(std::string_view word) {
  constexpr std::array<std::string_view, 19> kNumerals = {
      "ii",  "iii",  "iv",  "v",  "vi",  "vii",  "viii",  "ix",  "x", "xi",
      "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii", "xix", "xx"};
  const auto it = std::find(kNumerals.begin(), kNumerals.end(), word);
  if (it == kNumerals.end()) return std::nullopt;
  return static_cast<int32_t>(it - kNumerals.begin()) + 2;
}

bool IsYear(int32_t number) { return number >= 1800 && number <= 2199; }

std::string JoinWords(const std::vector<std::string>& words, size_t count) {
  std::string joined;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) joined += ' ';
    joined += words[i];
  }
  return joined;
}

// Words before the number without the markers next to it.
size_t NameLength(const std::vector<std::string>& words, size_t number_at) {
  size_t length = number_at;
  while (length > 0 && IsMarker(words[length - 1])) --length;
  return length;
}

}  // namespace

SeriesTitle ReadSeriesTitle(const std::vector<std::string>& title_words,
                            const std::vector<std::string>& bracket_words) {
  // "(The Hunger Games, #2)": the last number in brackets.
  for (size_t i = bracket_words.size(); i-- > 0;) {
    const std::optional<int32_t> number = ArabicNumber(bracket_words[i]);
    if (!number.has_value()) continue;
    const size_t length = NameLength(bracket_words, i);
    if (length > 0) {
      // "#1-3" is a box of several volumes: of the series, but no volume.
      const bool box = i > 0 && ArabicNumber(bracket_words[i - 1]).has_value();
      if (!box) return {JoinWords(bracket_words, length), *number};
      return {JoinWords(bracket_words, NameLength(bracket_words, i - 1)), 0};
    }
    // "Title (2)" and "Title (vol. 2)", but not "Title (1995)".
    if (!IsYear(*number) && !title_words.empty()) {
      return {JoinWords(title_words, title_words.size()), *number};
    }
    break;
  }
  if (title_words.size() >= 2) {
    const std::string& last = title_words.back();
    std::optional<int32_t> number = ArabicNumber(last);
    if (!number.has_value()) number = RomanNumber(last);
    const size_t length = NameLength(title_words, title_words.size() - 1);
    if (number.has_value() && *number > 0 && !IsYear(*number) && length > 0) {
      return {JoinWords(title_words, length), *number};
    }
  }
  return {JoinWords(title_words, title_words.size()), 0};
}

BracketedTitle SplitBrackets(std::string_view title) {
  struct Pair {
    std::string_view open, close;
  };
  constexpr std::array<Pair, 3> kPairs = {
      {{"(", ")"}, {"[", "]"}, {"（", "）"}}};
  BracketedTitle result{title, {}};
  size_t last_close = 0;
  for (const Pair& pair : kPairs) {
    const size_t close = title.rfind(pair.close);
    if (close == std::string_view::npos || close == 0) continue;
    const size_t open = title.rfind(pair.open, close - 1);
    if (open == std::string_view::npos || close < last_close) continue;
    last_close = close;
    const size_t begin = open + pair.open.size();
    if (begin > close) continue;
    result = {title.substr(0, open), title.substr(begin, close - begin)};
  }
  return result;
}

}  // namespace attune::features
