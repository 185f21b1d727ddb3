#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace attune {

/// Largest message and largest sum of ids that a call takes.
inline constexpr size_t kMaxInputBytes = size_t{64} << 20;
inline constexpr size_t kMaxRankIds = 100'000;

/// Whether all of it is well-formed UTF-8.
bool IsUtf8(std::string_view text);

/// A caller's pointer and length as a view; InvalidArgument naming the argument
/// for NULL with a length, or one above kMaxInputBytes.
absl::StatusOr<std::string_view> ReadString(const char* data, size_t length,
                                            absl::string_view name);

/// The same for text: InvalidArgument where it is no UTF-8, too.
absl::StatusOr<std::string_view> ReadText(const char* data, size_t length,
                                          absl::string_view name);

/// InvalidArgument if `flags` has a bit that is not in `known`.
absl::Status CheckFlags(uint32_t flags, uint32_t known, absl::string_view name);

/// Cancelled if the flag is set already.
absl::Status CheckCancelFlag(const volatile int32_t* flag);

}  // namespace attune
