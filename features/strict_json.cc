#include "features/strict_json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune::features {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;

std::string LineAndColumn(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const size_t newline = before.rfind('\n');
  const size_t line =
      1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  const size_t column =
      newline == std::string_view::npos ? before.size() : byte - newline - 1;
  return StrCat(line, ":", std::max<size_t>(column, 1));
}

std::string Join(std::initializer_list<std::string_view> names) {
  std::string joined;
  for (const std::string_view name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

// nlohmann keeps the last of repeated fields silently; this sees them all.
class RepeatedFieldFinder {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth && error_.empty()) {
      error_ = StrCat("nested deeper than ", kMaxDepth, " levels");
    }
    switch (event) {
      case json::parse_event_t::object_start:
        open_.emplace_back();
        break;
      case json::parse_event_t::object_end:
        if (!open_.empty()) open_.pop_back();
        break;
      case json::parse_event_t::key: {
        const std::string& key = parsed.get_ref<const std::string&>();
        if (!open_.empty() && !open_.back().insert(key).second &&
            error_.empty()) {
          error_ = StrCat("field \"", key, "\" is repeated");
        }
        break;
      }
      default:
        break;
    }
    return error_.empty();
  }
  const std::string& error() const { return error_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string error_;
};

}  // namespace

absl::StatusOr<json> ParseStrictJson(std::string_view text,
                                     std::string_view source) {
  RepeatedFieldFinder finder;
  try {
    json document = json::parse(
        text.begin(), text.end(),
        [&finder](int depth, json::parse_event_t event, json& parsed) {
          return finder(depth, event, parsed);
        });
    if (!finder.error().empty()) {
      return absl::InvalidArgumentError(StrCat(source, ": ", finder.error()));
    }
    return document;
  } catch (const json::parse_error& error) {
    return absl::InvalidArgumentError(StrCat(
        source, ":", LineAndColumn(text, error.byte), ": not valid JSON"));
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(
        StrCat(source, ": not valid JSON: ", error.what()));
  }
}

std::string JsonPlace::Describe() const {
  return path_.empty() ? source_ : StrCat(source_, ": ", path_);
}

absl::Status JsonPlace::Error(std::string_view message) const {
  return absl::InvalidArgumentError(StrCat(Describe(), ": ", message));
}

absl::Status JsonPlace::WrongType(std::string_view expected) const {
  return Error(StrCat("expected ", expected, ", found ", value_->type_name()));
}

absl::Status JsonPlace::ExpectFields(
    std::initializer_list<std::string_view> allowed) const {
  if (!value_->is_object()) return WrongType("an object");
  for (const auto& [name, unused] : value_->items()) {
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return Error(
          StrCat("unknown field \"", name, "\" (known: ", Join(allowed), ")"));
    }
  }
  return absl::OkStatus();
}

bool JsonPlace::Has(std::string_view field) const {
  return value_->is_object() && value_->contains(field);
}

absl::StatusOr<JsonPlace> JsonPlace::Field(std::string_view field) const {
  if (!value_->is_object()) return WrongType("an object");
  const auto it = value_->find(field);
  if (it == value_->end()) {
    return Error(StrCat("field \"", field, "\" is missing"));
  }
  return JsonPlace(
      *it, source_,
      path_.empty() ? std::string(field) : StrCat(path_, ".", field));
}

absl::StatusOr<std::vector<JsonPlace>> JsonPlace::Elements() const {
  if (!value_->is_array()) return WrongType("an array");
  std::vector<JsonPlace> elements;
  elements.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) {
    elements.push_back(
        JsonPlace((*value_)[i], source_, StrCat(path_, "[", i, "]")));
  }
  return elements;
}

absl::StatusOr<std::vector<std::pair<std::string, JsonPlace>>>
JsonPlace::Members() const {
  if (!value_->is_object()) return WrongType("an object");
  std::vector<std::pair<std::string, JsonPlace>> members;
  for (const auto& [name, value] : value_->items()) {
    members.emplace_back(name,
                         JsonPlace(value, source_, StrCat(path_, ".", name)));
  }
  return members;
}

absl::StatusOr<std::string> JsonPlace::String() const {
  if (!value_->is_string()) return WrongType("a string");
  return value_->get<std::string>();
}

absl::StatusOr<bool> JsonPlace::Bool() const {
  if (!value_->is_boolean()) return WrongType("true or false");
  return value_->get<bool>();
}

absl::StatusOr<double> JsonPlace::Number(double minimum, double maximum) const {
  if (!value_->is_number()) return WrongType("a number");
  const double number = value_->get<double>();
  if (!(number >= minimum && number <= maximum)) {
    return Error(
        StrCat(number, " is not within [", minimum, ", ", maximum, "]"));
  }
  return number;
}

absl::StatusOr<int64_t> JsonPlace::Integer(int64_t minimum,
                                           int64_t maximum) const {
  if (!value_->is_number_integer()) return WrongType("an integer");
  // A number beyond int64 is stored unsigned, and would wrap.
  const bool wraps =
      value_->is_number_unsigned() && value_->get<uint64_t>() > INT64_MAX;
  const int64_t number = value_->get<int64_t>();
  if (wraps || number < minimum || number > maximum) {
    return Error(StrCat(value_->dump(), " is not within [", minimum, ", ",
                        maximum, "]"));
  }
  return number;
}

}  // namespace attune::features
