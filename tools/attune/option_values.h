#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class Validator;
}

namespace attune {

// What an option's value may be, for CLI::Option::check. CLI11's own checks
// take octal and hexadecimal numbers and print a double's 309 digits.

/// A whole number in low..high, by its decimal digits.
CLI::Validator WholeNumber(int64_t low, uint64_t high);

/// The year 2100, which no time in the data is behind.
inline constexpr uint64_t kMostNowMs = 4'102'444'800'000;

/// A finite number in low..high.
CLI::Validator RealNumber(double low, double high);

/// One of `words`; a refusal names them and the nearest.
CLI::Validator OneOf(std::vector<std::string> words);

}  // namespace attune
