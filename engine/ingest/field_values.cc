#include "engine/ingest/field_values.h"

#include <cmath>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/record_checks.h"
#include "engine/io/excerpt.h"
#include "engine/io/id_field.h"
#include "engine/io/number_text.h"
#include "engine/io/split.h"
#include "features/time_value.h"

namespace attune {
namespace {

using Kind = RecordField::Kind;
using TextList = google::protobuf::RepeatedPtrField<std::string>;

absl::Status NotA(std::string_view what, const RecordField& field) {
  return absl::InvalidArgumentError(StrCat(
      "not ", what, " (got ",
      field.kind == Kind::kList ? std::string("a list") : Excerpt(field.text),
      ")"));
}

}  // namespace

absl::StatusOr<std::string> FieldText(const RecordField& field) {
  if (field.kind == Kind::kList) return NotA("a single value", field);
  return std::string(field.text);
}

absl::StatusOr<std::string> FieldId(const RecordField& field) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view id, IdOf(field));
  return std::string(id);
}

absl::Status AppendFieldList(const RecordField& field, TextList* out) {
  auto add = [out](std::string_view element) {
    if (!element.empty()) out->Add(std::string(element));
  };
  if (field.kind == Kind::kList) {
    for (std::string_view element : field.list) add(element);
  } else if (field.kind == Kind::kCell) {
    for (std::string_view element : Split(field.text, '|')) add(element);
  } else {
    add(field.text);
  }
  return absl::OkStatus();
}

absl::StatusOr<double> FieldNumber(const RecordField& field) {
  if (field.kind == Kind::kBoolean) return field.text == "true" ? 1.0 : 0.0;
  if (field.kind == Kind::kList) return NotA("a number", field);
  const std::optional<double> number = ParseNumber(field.text);
  if (!number.has_value()) return NotA("a number", field);
  return *number;
}

absl::StatusOr<int64_t> FieldInteger(const RecordField& field) {
  const std::optional<int64_t> integer = ParseInteger(field.text);
  if (!integer.has_value()) return NotA("a whole number", field);
  return *integer;
}

absl::StatusOr<bool> FieldFlag(const RecordField& field) {
  if (field.text == "true") return true;
  if (field.text == "false") return false;
  const std::optional<double> number = ParseNumber(field.text);
  if (field.kind == Kind::kList || !number.has_value() ||
      (*number != 0 && *number != 1)) {
    return NotA("0 or 1", field);
  }
  return *number == 1;
}

absl::StatusOr<int64_t> FieldSeconds(const RecordField& field) {
  if (field.kind == Kind::kList || field.kind == Kind::kBoolean) {
    return NotA("a number", field);
  }
  const std::optional<double> seconds = ParseNumber(field.text);
  if (!seconds.has_value()) {
    const std::optional<int64_t> date = features::ParseDateMs(field.text);
    if (!date.has_value()) return NotA("a number of seconds or a date", field);
    return *date;
  }
  if (*seconds > static_cast<double>(kMaxTimeMs) / 1000) {
    return absl::InvalidArgumentError(
        StrCat(Excerpt(field.text),
               " seconds lie beyond the year 2100; milliseconds belong in a "
               "column time_ms"));
  }
  if (*seconds < 0) {
    return absl::InvalidArgumentError(
        StrCat(Excerpt(field.text), " seconds lie before the year 1970"));
  }
  return std::llround(*seconds * 1000);
}

absl::Status SetNaturalValue(const RecordField& field, v1::Value* value) {
  switch (field.kind) {
    case Kind::kMissing:
      return absl::OkStatus();
    case Kind::kBoolean:
    case Kind::kNumber: {
      ATTUNE_ASSIGN_OR_RETURN(const double number, FieldNumber(field));
      value->set_number(number);
      return absl::OkStatus();
    }
    case Kind::kText:
      value->set_text(std::string(field.text));
      return absl::OkStatus();
    case Kind::kList:
      return AppendFieldList(field, value->mutable_list()->mutable_values());
    case Kind::kCell:
      break;
  }
  // "007" is no number by JSON's grammar: codes keep their zeros.
  const std::optional<double> number =
      IsJsonNumber(field.text) ? ParseNumber(field.text) : std::nullopt;
  if (number.has_value()) {
    value->set_number(*number);
  } else if (field.text.find('|') != std::string_view::npos) {
    return AppendFieldList(field, value->mutable_list()->mutable_values());
  } else {
    value->set_text(std::string(field.text));
  }
  return absl::OkStatus();
}

absl::Status SetFieldValue(const RecordField& field, features::ColumnType type,
                           v1::Value* value) {
  switch (type) {
    case features::ColumnType::kNumeric: {
      ATTUNE_ASSIGN_OR_RETURN(const double number, FieldNumber(field));
      value->set_number(number);
      return absl::OkStatus();
    }
    case features::ColumnType::kText:
    case features::ColumnType::kCategorical: {
      ATTUNE_ASSIGN_OR_RETURN(std::string text, FieldText(field));
      value->set_text(std::move(text));
      return absl::OkStatus();
    }
    case features::ColumnType::kMulti:
      return AppendFieldList(field, value->mutable_list()->mutable_values());
    case features::ColumnType::kTime:
      break;
  }
  const std::optional<double> number =
      field.kind == Kind::kList ? std::nullopt : ParseNumber(field.text);
  if (number.has_value()) {
    value->set_number(*number);
    return absl::OkStatus();
  }
  if (field.kind == Kind::kList || field.kind == Kind::kBoolean ||
      !features::ParseDateMs(field.text).has_value()) {
    return NotA("a time", field);
  }
  value->set_text(std::string(field.text));
  return absl::OkStatus();
}

}  // namespace attune
