#include "tools/attune/id_lists.h"

#include <algorithm>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/batch/id_source.h"
#include "engine/io/split.h"

namespace attune {

absl::StatusOr<std::vector<std::string>> ReadIdList(std::string_view text,
                                                    std::string_view field) {
  if (text.starts_with('@')) {
    return ReadIdFile(std::string(text.substr(1)), field);
  }
  std::vector<std::string> ids;
  for (std::string_view id : Split(text, ',')) {
    if (id.empty()) {
      return absl::InvalidArgumentError("an empty id stands in the list");
    }
    ids.emplace_back(id);
  }
  return ids;
}

absl::Status RequireItems(const std::vector<std::string>& ids,
                          std::string_view source) {
  if (!ids.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("--candidates ", source,
             " holds no items; without the option, the catalogue is ranked"));
}

absl::StatusOr<std::vector<std::string>> AllUsers(storage::Database& database) {
  std::vector<std::string> users;
  ATTUNE_RETURN_IF_ERROR(database.ForEachUser([&](const v1::User& user) {
    users.push_back(user.user_id());
    return absl::OkStatus();
  }));
  ATTUNE_RETURN_IF_ERROR(database.ForEachHistory(
      [&](std::string_view user_id, const v1::History&) {
        users.emplace_back(user_id);
        return absl::OkStatus();
      }));
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  return users;
}

}  // namespace attune
