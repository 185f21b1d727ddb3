#include "engine/io/id_field.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/split.h"

namespace attune {
namespace {

using Kind = RecordField::Kind;

bool IsWhole(std::string_view number) {
  if (number.starts_with('-')) number.remove_prefix(1);
  return std::all_of(number.begin(), number.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

absl::Status CheckId(Kind kind, std::string_view text) {
  if (kind == Kind::kText || kind == Kind::kCell) return absl::OkStatus();
  if (kind == Kind::kNumber && IsWhole(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("not an id, which is a string or a whole number (got ",
             kind == Kind::kList      ? std::string("a list")
             : kind == Kind::kMissing ? std::string("nothing")
                                      : std::string(text),
             ")"));
}

}  // namespace

absl::StatusOr<std::string_view> IdOf(const RecordField& field) {
  ATTUNE_RETURN_IF_ERROR(CheckId(field.kind, field.text));
  return field.text;
}

absl::StatusOr<std::vector<std::string_view>> IdListOf(
    const RecordField& field) {
  std::vector<std::string_view> ids;
  if (field.kind == Kind::kCell) {
    for (std::string_view id : Split(field.text, '|')) ids.push_back(id);
  } else if (field.kind == Kind::kList) {
    for (size_t i = 0; i < field.list.size(); ++i) {
      ATTUNE_RETURN_IF_ERROR(CheckId(field.list_kinds[i], field.list[i]));
      ids.push_back(field.list[i]);
    }
  } else {
    return absl::InvalidArgumentError(
        StrCat("not a list of ids (got ", Excerpt(field.text), ")"));
  }
  for (std::string_view id : ids) {
    if (id.empty()) return absl::InvalidArgumentError("holds an empty id");
  }
  return ids;
}

}  // namespace attune
