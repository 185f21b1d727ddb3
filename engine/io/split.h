#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace attune {

/// The parts of `text` between separators, empty ones included; none for an
/// empty text. Parts view the text.
inline std::vector<std::string_view> Split(std::string_view text,
                                           char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
    if (text.empty()) parts.emplace_back();
  }
  return parts;
}

}  // namespace attune
