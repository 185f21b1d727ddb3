#include "tools/attune/record_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json TextsJson(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(text);
  return json;
}

Json FeaturesJson(
    const google::protobuf::RepeatedPtrField<v1::Feature>& features) {
  Json json = Json::object();
  for (const v1::Feature& feature : features) {
    const v1::Value& value = feature.value();
    if (value.has_number()) json[feature.name()] = value.number();
    if (value.has_text()) json[feature.name()] = value.text();
    if (value.has_list()) {
      json[feature.name()] = TextsJson(value.list().values());
    }
  }
  return json;
}

}  // namespace

Json ItemJson(const v1::Item& item) {
  Json json = {{"item_id", item.item_id()}};
  if (!item.title().empty()) json["title"] = item.title();
  if (!item.description().empty()) json["description"] = item.description();
  if (!item.tags().empty()) json["tags"] = TextsJson(item.tags());
  if (!item.categories().empty()) {
    json["categories"] = TextsJson(item.categories());
  }
  if (item.unavailable()) json["unavailable"] = true;
  json["features"] = FeaturesJson(item.features());
  return json;
}

Json UserJson(const v1::User& user) {
  return {{"user_id", user.user_id()},
          {"features", FeaturesJson(user.features())}};
}

Json CountersJson(const v1::Counters& counters) {
  Json json = Json::object();
  for (const v1::Counter& counter : counters.counters()) {
    json[counter.action()] = {
        {"total", counter.total()}, {"hour", counter.hour()},
        {"day", counter.day()},     {"week", counter.week()},
        {"month", counter.month()}, {"as_of_ms", counter.reference_ms()}};
  }
  return json;
}

std::string ValueText(const v1::Value& value) {
  if (value.has_number()) return fmt::format("{}", value.number());
  if (value.has_text()) return value.text();
  return fmt::format("{}", fmt::join(value.list().values(), ", "));
}

}  // namespace attune
