#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace attune {

/// Sizes above this are an uninitialised field, not a newer caller.
inline constexpr uint32_t kMaxStructSize = 4096;

/// Checks a caller's struct against the rule of attune.h: at least `minimum`
/// bytes, and zero in every byte past the `known` ones. A size that is no
/// multiple of 8 would split a field, since all structs are of such sizes.
inline absl::Status CheckStructSize(const void* theirs, uint32_t size,
                                    size_t minimum, size_t known,
                                    absl::string_view name) {
  if (size < minimum || size > kMaxStructSize || size % sizeof(void*) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".struct_size is ", size,
                     ": set it to sizeof the struct (here ", known, ")"));
  }
  const auto* bytes = static_cast<const unsigned char*>(theirs);
  for (size_t i = known; i < size; ++i) {
    if (bytes[i] != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " uses a field at byte ", i, " that this version (struct of ",
          known, " bytes) does not know"));
    }
  }
  return absl::OkStatus();
}

/// Copies an options struct that may be absent (null: all defaults), older
/// (missing fields zero) or newer (tail zero) into `*ours`.
template <typename T>
absl::Status ReadOptions(const T* theirs, absl::string_view name, T* ours) {
  *ours = T{};
  if (theirs == nullptr) return absl::OkStatus();
  uint32_t size;
  std::memcpy(&size, theirs, sizeof(size));
  absl::Status status =
      CheckStructSize(theirs, size, sizeof(uint64_t), sizeof(T), name);
  if (status.ok()) {
    std::memcpy(ours, theirs, std::min<size_t>(size, sizeof(T)));
  }
  return status;
}

}  // namespace attune
