#include "engine/io/column_map.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/split.h"

namespace attune {
namespace {

template <typename Container>
bool Contains(const Container& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

absl::StatusOr<ColumnMap> ColumnMap::Parse(std::string_view renames,
                                           std::string_view drops) {
  ColumnMap map;
  std::vector<std::string> old_names, new_names;
  for (std::string_view part : Split(renames, ',')) {
    const std::vector<std::string_view> names = Split(part, '=');
    if (names.size() != 2 || names[0].empty() || names[1].empty()) {
      return absl::InvalidArgumentError(
          StrCat("--map: NEW=OLD is expected (got \"", part, "\")"));
    }
    if (Contains(new_names, names[0]) || Contains(old_names, names[1])) {
      return absl::InvalidArgumentError(
          StrCat("--map: \"", part, "\" names a column a second time"));
    }
    new_names.emplace_back(names[0]);
    old_names.emplace_back(names[1]);
    map.renames_.push_back(
        {std::string(names[1]), std::string(names[0]), true});
  }
  for (std::string_view name : Split(drops, ',')) {
    if (Contains(old_names, name)) {
      return absl::InvalidArgumentError(
          StrCat("--drop: \"", name, "\" is named a second time"));
    }
    old_names.emplace_back(name);
    map.drops_.emplace_back(name);
  }
  return map;
}

void ColumnMap::AddDefaults(const std::map<std::string, std::string>& renames) {
  for (const auto& [to, from] : renames) {
    const bool known =
        Contains(drops_, from) || std::any_of(renames_.begin(), renames_.end(),
                                              [&](const Rename& rename) {
                                                return rename.to == to ||
                                                       rename.from == from;
                                              });
    if (!known) renames_.push_back({from, to, false});
  }
}

std::string_view ColumnMap::NewName(std::string_view old_name) const {
  for (const Rename& rename : renames_) {
    if (rename.from == old_name) return rename.to;
  }
  return Contains(drops_, old_name) ? std::string_view() : old_name;
}

absl::Status ColumnMap::CheckSources(const std::vector<std::string>& columns,
                                     std::string_view where) const {
  auto check = [&](std::string_view option,
                   std::string_view name) -> absl::Status {
    if (Contains(columns, name)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        StrCat(option, ": there is no column \"", name, "\" in ", where,
               "; the columns are: ", absl::StrJoin(columns, ", ")));
  };
  for (const Rename& rename : renames_) {
    if (rename.required) {
      ATTUNE_RETURN_IF_ERROR(check("--map", rename.from));
    }
  }
  for (const std::string& name : drops_) {
    ATTUNE_RETURN_IF_ERROR(check("--drop", name));
  }
  return absl::OkStatus();
}

}  // namespace attune
