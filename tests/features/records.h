#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "proto/records.pb.h"

namespace attune::features {

inline v1::Value Number(double number) {
  v1::Value value;
  value.set_number(number);
  return value;
}

inline v1::Value Text(const std::string& text) {
  v1::Value value;
  value.set_text(text);
  return value;
}

inline v1::Value List(const std::vector<std::string>& values) {
  v1::Value value;
  value.mutable_list();
  for (const std::string& entry : values) {
    value.mutable_list()->add_values(entry);
  }
  return value;
}

using Features = std::vector<std::pair<std::string, v1::Value>>;

template <typename Record>
void AddFeatures(const Features& features, Record& record) {
  for (const auto& [name, value] : features) {
    v1::Feature* feature = record.add_features();
    feature->set_name(name);
    *feature->mutable_value() = value;
  }
}

inline v1::Item MakeItem(const std::string& id, const std::string& title,
                         const std::vector<std::string>& tags = {},
                         const Features& features = {}) {
  v1::Item item;
  item.set_item_id(id);
  item.set_title(title);
  for (const std::string& tag : tags) item.add_tags(tag);
  AddFeatures(features, item);
  return item;
}

inline v1::Event MakeEvent(const std::string& user, const std::string& item,
                           const std::string& action,
                           const std::vector<std::string>& followed = {}) {
  v1::Event event;
  event.set_user_id(user);
  event.set_item_id(item);
  event.set_action(action);
  for (const std::string& result : followed) event.add_followed(result);
  return event;
}

}  // namespace attune::features
