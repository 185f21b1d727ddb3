#include "plugins/c_abi/arguments.h"

#include "absl/strings/str_cat.h"
#include "base/cancel_flag.h"

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
