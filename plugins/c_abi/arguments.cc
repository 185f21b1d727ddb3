#include "plugins/c_abi/arguments.h"

#include <bit>

#include "absl/strings/str_cat.h"

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

const std::atomic<bool>* ReadCancelFlag(const volatile int32_t* flag) {
  // C has no name for std::atomic<bool>, and some languages have atomics of 32
  // bits only. So the ABI's flag is an int32_t of 0 or 1, whose first byte
  // reads as the bool that the engine asks for.
  static_assert(std::endian::native == std::endian::little);
  static_assert(sizeof(std::atomic<bool>) == 1 &&
                std::atomic<bool>::is_always_lock_free);
  return reinterpret_cast<const std::atomic<bool>*>(
      const_cast<const int32_t*>(flag));
}

absl::Status CheckCancelFlag(const volatile int32_t* flag) {
  if (flag != nullptr && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0) {
    return absl::CancelledError("request cancelled by the caller");
  }
  return absl::OkStatus();
}

}  // namespace attune
