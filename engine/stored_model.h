#pragma once

#include <string>
#include <string_view>

#include "base/strings.h"

namespace attune {

// Where a database keeps its models: meta rows name versions, directories hold
// their files.
inline constexpr std::string_view kCurrentModelKey = "model.current";
inline constexpr std::string_view kPreviousModelKey = "model.previous";

inline std::string StoredModelDirectory(std::string_view database_path,
                                        std::string_view version) {
  return StrCat(database_path, "/models/", version);
}

}  // namespace attune
