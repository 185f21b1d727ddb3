#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "proto/records.pb.h"

namespace attune {

// Stored records for people and programs.

nlohmann::ordered_json ItemJson(const v1::Item& item);
nlohmann::ordered_json UserJson(const v1::User& user);
nlohmann::ordered_json CountersJson(const v1::Counters& counters);

/// "1984", "en", "fantasy, fiction".
std::string ValueText(const v1::Value& value);

}  // namespace attune
