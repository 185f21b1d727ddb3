#include "plugins/triton/record_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune::triton {
namespace {

using Json = nlohmann::json;

absl::Status Wrong(const std::string& key, std::string_view expected,
                   const Json& value) {
  return absl::InvalidArgumentError(StrCat(
      "field \"", key, "\" must be ", expected, ", not ", value.type_name()));
}

absl::StatusOr<Json> ParseObject(std::string_view text) {
  Json object = Json::parse(text, nullptr, false);
  if (object.is_discarded()) {
    return absl::InvalidArgumentError("is no JSON");
  }
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        StrCat("must be a JSON object, not ", object.type_name()));
  }
  return object;
}

absl::Status ReadText(const std::string& key, const Json& value,
                      std::string* out) {
  if (!value.is_string()) return Wrong(key, "a string", value);
  *out = value.get<std::string>();
  return absl::OkStatus();
}

/// One text or a list of them.
template <typename Texts>
absl::Status ReadTexts(const std::string& key, const Json& value,
                       Texts* texts) {
  if (value.is_string()) {
    texts->Add(value.get<std::string>());
    return absl::OkStatus();
  }
  if (!value.is_array()) return Wrong(key, "a list of strings", value);
  for (const Json& element : value) {
    if (!element.is_string()) return Wrong(key, "a list of strings", element);
    texts->Add(element.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status ReadFeature(const std::string& key, const Json& value,
                         v1::Feature* feature) {
  feature->set_name(key);
  v1::Value& out = *feature->mutable_value();
  if (value.is_number()) {
    out.set_number(value.get<double>());
  } else if (value.is_boolean()) {
    out.set_number(value.get<bool>() ? 1 : 0);
  } else if (value.is_string()) {
    out.set_text(value.get<std::string>());
  } else if (value.is_array()) {
    return ReadTexts(key, value, out.mutable_list()->mutable_values());
  } else {
    return Wrong(key, "a number, a string or a list of strings", value);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseItemJson(std::string_view text, v1::Item* item) {
  ATTUNE_ASSIGN_OR_RETURN(const Json object, ParseObject(text));
  // In the order of names, which is the order that features have.
  for (const auto& [key, value] : object.items()) {
    absl::Status status;
    if (value.is_null()) continue;
    if (key == "item_id") {
      status = ReadText(key, value, item->mutable_item_id());
    } else if (key == "title") {
      status = ReadText(key, value, item->mutable_title());
    } else if (key == "description") {
      status = ReadText(key, value, item->mutable_description());
    } else if (key == "tags") {
      status = ReadTexts(key, value, item->mutable_tags());
    } else if (key == "categories") {
      status = ReadTexts(key, value, item->mutable_categories());
    } else if (key == "unavailable") {
      if (!value.is_boolean()) return Wrong(key, "true or false", value);
      item->set_unavailable(value.get<bool>());
    } else {
      status = ReadFeature(key, value, item->add_features());
    }
    ATTUNE_RETURN_IF_ERROR(status);
  }
  if (item->item_id().empty()) {
    return absl::InvalidArgumentError("field \"item_id\" is missing");
  }
  return absl::OkStatus();
}

absl::Status ParseUserJson(std::string_view text, v1::User* user) {
  ATTUNE_ASSIGN_OR_RETURN(const Json object, ParseObject(text));
  for (const auto& [key, value] : object.items()) {
    if (value.is_null() || key == "user_id") continue;
    ATTUNE_RETURN_IF_ERROR(ReadFeature(key, value, user->add_features()));
  }
  return absl::OkStatus();
}

absl::Status ParseContextJson(
    std::string_view text,
    google::protobuf::RepeatedPtrField<v1::Feature>* context) {
  ATTUNE_ASSIGN_OR_RETURN(const Json object, ParseObject(text));
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    ATTUNE_RETURN_IF_ERROR(ReadFeature(key, value, context->Add()));
  }
  return absl::OkStatus();
}

}  // namespace attune::triton
