#include "plugins/c_abi/arguments.h"

#include <simdjson.h>

#include "absl/strings/str_cat.h"
#include "base/cancel_flag.h"
#include "base/status_macros.h"

namespace attune {

absl::StatusOr<std::string_view> ReadString(const char* data, size_t length,
                                            absl::string_view name) {
  if (data == nullptr && length > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": NULL with length ", length));
  }
  if (length > kMaxInputBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": ", length, " bytes, at most ", kMaxInputBytes, " are taken"));
  }
  return std::string_view(data, length);
}

bool IsUtf8(std::string_view text) {
  // Ids are short and mostly ASCII: looking costs less than the call.
  constexpr size_t kShort = 48;
  if (text.size() <= kShort) {
    uint8_t bits = 0;
    for (const char byte : text) bits |= static_cast<uint8_t>(byte);
    if (bits < 0x80) return true;
  }
  return simdjson::validate_utf8(text.data(), text.size());
}

absl::StatusOr<std::string_view> ReadText(const char* data, size_t length,
                                          absl::string_view name) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view text,
                          ReadString(data, length, name));
  if (IsUtf8(text)) return text;
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": no UTF-8 in its ", length, " bytes"));
}

absl::Status CheckFlags(uint32_t flags, uint32_t known,
                        absl::string_view name) {
  if ((flags & ~known) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": unknown flags ", flags & ~known, ", known are ", known));
}

absl::Status CheckCancelFlag(const volatile int32_t* flag) {
  if (CancelFlag::OfWord(flag).IsSet()) {
    return absl::CancelledError("request cancelled by the caller");
  }
  return absl::OkStatus();
}

}  // namespace attune
