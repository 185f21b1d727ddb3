#pragma once

#include <string>
#include <string_view>

namespace attune::features {

/// True for well-formed UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view text);

/// The text with each malformed sequence replaced by U+FFFD.
std::string RepairUtf8(std::string_view text);

/// The longest prefix of at most `max_bytes` that does not cut a character of
/// well-formed text.
std::string_view CutUtf8(std::string_view text, size_t max_bytes);

}  // namespace attune::features
