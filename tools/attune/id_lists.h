#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/database.h"

namespace attune {

/// "a,b,c" or "@FILE" (see OpenIdFile; `field` is the column in it). Empty:
/// none.
absl::StatusOr<std::vector<std::string>> ReadIdList(std::string_view text,
                                                    std::string_view field);

/// InvalidArgument for an empty list of candidates that was asked for: an empty
/// export must not turn into "rank everything". `source` names it.
absl::Status RequireItems(const std::vector<std::string>& ids,
                          std::string_view source);

/// Ids of all users with a record or a history, sorted.
absl::StatusOr<std::vector<std::string>> AllUsers(storage::Database& database);

}  // namespace attune
