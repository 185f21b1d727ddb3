#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace attune {

/// `text` in double quotes for an error message: at most `max_bytes` of it, cut
/// at a character and then followed by "…", control characters as \xNN.
std::string Excerpt(std::string_view text, size_t max_bytes = 80);

}  // namespace attune
