#include "engine/io/excerpt.h"

#include "base/strings.h"

namespace attune {

std::string Excerpt(std::string_view text, size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  if (cut) {
    // 10xxxxxx continues a UTF-8 character.
    while (max_bytes > 0 &&
           (static_cast<unsigned char>(text[max_bytes]) & 0xc0) == 0x80) {
      --max_bytes;
    }
    text = text.substr(0, max_bytes);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += StrCat("\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + (cut ? "…\"" : "\"");
}

}  // namespace attune
