#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace attune {

/// Whether `token` is a number by the grammar of JSON (RFC 8259): no leading
/// zeros or plus, no hex, no NaN.
bool IsJsonNumber(std::string_view token);

/// The finite number that the whole of `text` writes in decimal; nullopt for
/// anything else (empty, blanks around it, "nan", "1e999", "0x10", "+1").
std::optional<double> ParseNumber(std::string_view text);

/// The whole number that `text` writes, "12" or "12.0" or "1.2e1", exactly;
/// nullopt where it has a fraction or does not fit.
std::optional<int64_t> ParseInteger(std::string_view text);

}  // namespace attune
