#include "engine/io/number_text.h"

#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"

namespace attune {
namespace {

// Takes leading digits off `text`; returns how many.
size_t TakeDigits(std::string_view* text) {
  size_t count = 0;
  while (count < text->size() && absl::ascii_isdigit((*text)[count])) ++count;
  text->remove_prefix(count);
  return count;
}

}  // namespace

bool IsJsonNumber(std::string_view token) {
  if (token.starts_with('-')) token.remove_prefix(1);
  const bool leading_zero = token.starts_with('0');
  const size_t whole = TakeDigits(&token);
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (token.starts_with('.')) {
    token.remove_prefix(1);
    if (TakeDigits(&token) == 0) return false;
  }
  if (token.starts_with('e') || token.starts_with('E')) {
    token.remove_prefix(1);
    if (token.starts_with('-') || token.starts_with('+')) {
      token.remove_prefix(1);
    }
    if (TakeDigits(&token) == 0) return false;
  }
  return token.empty();
}

std::optional<double> ParseNumber(std::string_view text) {
  // Abseil's from_chars also takes "0x10", "nan" and "inf".
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
    return std::nullopt;
  }
  double number = 0;
  const absl::from_chars_result result =
      absl::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t integer = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result result =
      std::from_chars(text.data(), end, integer);
  if (result.ec == std::errc() && result.ptr == end) return integer;
  const std::optional<double> number = ParseNumber(text);
  // Beyond 2^53 a double no longer tells neighbouring integers apart.
  if (!number.has_value() || std::abs(*number) > 0x1p53 ||
      *number != std::floor(*number)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*number);
}

}  // namespace attune
