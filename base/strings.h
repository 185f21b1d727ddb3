#pragma once

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace attune {
namespace strings_internal {

template <typename T>
const T& Piece(const T& value) {
  // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): used in one call
  return value;
}
inline absl::string_view Piece(const std::string_view& value) {
  return {value.data(), value.size()};
}

}  // namespace strings_internal

/// absl::StrCat that takes std::string_view too. The distributions build Abseil
/// for C++14, where absl::string_view is a type of its own.
template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  return absl::StrCat(strings_internal::Piece(pieces)...);
}

/// The standard view of an Abseil one (status messages).
inline std::string_view ToStd(absl::string_view view) {
  return {view.data(), view.size()};
}

}  // namespace attune
