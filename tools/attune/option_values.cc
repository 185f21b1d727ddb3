#include "tools/attune/option_values.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/io/excerpt.h"
#include "engine/io/nearest_name.h"
#include "engine/io/number_text.h"

namespace attune {
namespace {

template <typename T>
std::optional<T> ParseWhole(std::string_view text) {
  T number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace

CLI::Validator WholeNumber(int64_t low, uint64_t high) {
  const std::string range = fmt::format("{}..{}", low, high);
  return CLI::Validator(
      [low, high, range](std::string& text) -> std::string {
        const std::optional<int64_t> number = ParseWhole<int64_t>(text);
        const std::optional<uint64_t> large = ParseWhole<uint64_t>(text);
        const bool in_range =
            number.has_value()
                ? *number >= low && std::cmp_less_equal(*number, high)
                : large.has_value() && *large <= high;
        if (!in_range) {
          return fmt::format("{} is not a whole number in {}", Excerpt(text),
                             range);
        }
        // CLI11 would read 010 as eight.
        text = number.has_value() ? fmt::format("{}", *number)
                                  : fmt::format("{}", *large);
        return {};
      },
      range);
}

CLI::Validator RealNumber(double low, double high) {
  const std::string range = fmt::format("{}..{}", low, high);
  return CLI::Validator(
      [low, high, range](std::string& text) -> std::string {
        const std::optional<double> number = ParseNumber(text);
        if (number.has_value() && *number >= low && *number <= high) return {};
        return fmt::format("{} is not a number in {}", Excerpt(text), range);
      },
      range);
}

CLI::Validator OneOf(std::vector<std::string> words) {
  std::string list = fmt::format("{}", fmt::join(words, ", "));
  std::string description = fmt::format("{}", fmt::join(words, "|"));
  return CLI::Validator(
      [words = std::move(words), list](std::string& text) -> std::string {
        if (std::find(words.begin(), words.end(), text) != words.end()) {
          return {};
        }
        const std::vector<std::string_view> names(words.begin(), words.end());
        return fmt::format("{} is none of {}{}", Excerpt(text), list,
                           DidYouMean(text, names));
      },
      description);
}

}  // namespace attune
