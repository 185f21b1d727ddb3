#include "storage/text_check.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/escaping.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/write_group.h"

namespace attune::storage {
namespace {

// Length of the multi-byte sequence at text[0], 0 if it is malformed.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i, uint8_t low, uint8_t high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const uint8_t lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2, 0x80, 0xBF) &&
                   continues(3, 0x80, 0xBF)
               ? 4
               : 0;
  }
  return 0;
}

absl::Status CheckField(std::string_view what, std::string_view text) {
  if (IsUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(what, " ", QuoteId(text), " is not UTF-8"));
}

template <typename Features>
absl::Status CheckFeatures(const Features& features) {
  for (const v1::Feature& feature : features) {
    ATTUNE_RETURN_IF_ERROR(CheckField("feature name", feature.name()));
    if (feature.value().has_text()) {
      ATTUNE_RETURN_IF_ERROR(
          CheckField("feature value", feature.value().text()));
    }
    for (const std::string& value : feature.value().list().values()) {
      ATTUNE_RETURN_IF_ERROR(CheckField("feature value", value));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    // Most text is ASCII: eight bytes at a time.
    uint64_t word;
    while (i + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof(word));
      if ((word & 0x8080808080808080ULL) != 0) break;
      i += sizeof(word);
    }
    if (i == text.size()) break;
    if (static_cast<uint8_t>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const size_t length = SequenceLength(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

absl::Status CheckId(std::string_view what, std::string_view id) {
  if (id.empty()) {
    return absl::InvalidArgumentError(StrCat(what, " is empty"));
  }
  if (id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(StrCat(what, " ", QuoteId(id), " has ",
                                             id.size(), " bytes, at most ",
                                             kMaxIdBytes, " are allowed"));
  }
  return CheckField(what, id);
}

absl::Status CheckJournalKey(std::string_view kind,
                             std::string_view content_hash) {
  ATTUNE_RETURN_IF_ERROR(CheckId("journal kind", kind));
  if (kind.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        StrCat("journal kind ", QuoteId(kind), " holds a slash"));
  }
  return CheckId("content hash", content_hash);
}

absl::Status CheckText(const v1::Item& item) {
  ATTUNE_RETURN_IF_ERROR(CheckField("title", item.title()));
  ATTUNE_RETURN_IF_ERROR(CheckField("description", item.description()));
  for (const std::string& tag : item.tags()) {
    ATTUNE_RETURN_IF_ERROR(CheckField("tag", tag));
  }
  for (const std::string& category : item.categories()) {
    ATTUNE_RETURN_IF_ERROR(CheckField("category", category));
  }
  return CheckFeatures(item.features());
}

absl::Status CheckText(const v1::User& user) {
  return CheckFeatures(user.features());
}

absl::Status CheckText(const v1::Event& event) {
  ATTUNE_RETURN_IF_ERROR(CheckField("action", event.action()));
  for (const std::string& action : event.followed()) {
    ATTUNE_RETURN_IF_ERROR(CheckField("action", action));
  }
  return CheckFeatures(event.features());
}

std::string QuoteId(std::string_view id) {
  constexpr size_t kShown = 64;
  size_t shown = std::min(id.size(), kShown);
  // Not within a character.
  while (shown > 0 && shown < id.size() &&
         (static_cast<uint8_t>(id[shown]) & 0xC0) == 0x80) {
    --shown;
  }
  const absl::string_view text(id.data(), shown);
  return StrCat("\"",
                IsUtf8(ToStd(text)) ? absl::Utf8SafeCHexEscape(text)
                                    : absl::CHexEscape(text),
                shown < id.size() ? "…\"" : "\"");
}

}  // namespace attune::storage
