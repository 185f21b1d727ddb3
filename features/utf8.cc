#include "features/utf8.h"

#include <unicode/utf8.h>

namespace attune::features {

bool IsValidUtf8(std::string_view text) {
  const char* bytes = text.data();
  const size_t length = text.size();
  size_t i = 0;
  while (i < length) {
    UChar32 character;
    U8_NEXT(bytes, i, length, character);
    if (character < 0) return false;
  }
  return true;
}

std::string RepairUtf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  size_t i = 0;
  while (i < text.size()) {
    const size_t begin = i;
    UChar32 character;
    U8_NEXT(text.data(), i, text.size(), character);
    if (character < 0) {
      repaired += "\xef\xbf\xbd";
    } else {
      repaired.append(text, begin, i - begin);
    }
  }
  return repaired;
}

std::string_view CutUtf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  // A character has at most three trailing bytes; in malformed text any cut
  // will do.
  for (int back = 0; back < 3 && end > 0; ++back) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80) break;
    --end;
  }
  return text.substr(0, end);
}

}  // namespace attune::features
