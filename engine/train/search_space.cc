#include "engine/train/search_space.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/json_file.h"
#include "engine/io/number_text.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDefault = R"({
  "training.learning_rate": {"log": [0.0007, 0.005]},
  "training.dropout": {"range": [0.1, 0.5]},
  "training.id_dropout": [0.0, 0.1, 0.3],
  "training.event_dropout": [0.0, 0.1, 0.2],
  "training.target_skip": [0.0, 0.0, 0.3],
  "training.weight_decay": [0.0, 0.01, 0.1],
  "training.exclude_seen": [false, true],
  "training.decoder_learning_rate": {"log": [0.0003, 0.003]},
  "training.decoder_match_dropout": [0.1, 0.3, 0.4],
  "model.temperature": {"log": [0.03, 0.12]},
  "model.encoder_blocks": [1, 2, 3]
})";

// Three digits are as many as a setting is worth, and read well in a table.
double Rounded(double value) {
  const std::optional<double> rounded =
      ParseNumber(absl::StrFormat("%.3g", value));
  return rounded.value_or(value);
}

}  // namespace

SearchSpace SearchSpace::Default() {
  absl::StatusOr<SearchSpace> space = Parse(kDefault, "default space");
  return *std::move(space);  // a test parses it
}

absl::StatusOr<SearchSpace::Setting> SearchSpace::ParseSetting(
    const std::string& key, const Json& value, std::string_view source) {
  const auto error = [&](std::string_view what) {
    return absl::InvalidArgumentError(StrCat(source, ": ", key, ": ", what));
  };
  Setting setting;
  const size_t dot = key.find('.');
  setting.part = key.substr(0, dot);
  if (dot == std::string::npos ||
      (setting.part != "model" && setting.part != "training")) {
    return error(
        "must begin with \"model.\" or \"training.\", as in "
        "\"training.dropout\"");
  }
  setting.name = key.substr(dot + 1);
  if (value.is_array()) {
    if (value.empty()) return error("the list is empty");
    for (const Json& choice : value) setting.choices.push_back(choice);
    return setting;
  }
  if (value.is_object() && value.size() == 1) {
    const std::string& kind = value.begin().key();
    const Json& bounds = value.begin().value();
    if ((kind == "range" || kind == "log") && bounds.is_array() &&
        bounds.size() == 2 && bounds[0].is_number() && bounds[1].is_number()) {
      setting.kind = kind == "log" ? Kind::kLog : Kind::kRange;
      setting.low = bounds[0].get<double>();
      setting.high = bounds[1].get<double>();
      setting.whole =
          bounds[0].is_number_integer() && bounds[1].is_number_integer();
      if (setting.low > setting.high) {
        return error(StrCat("from ", setting.low, " down to ", setting.high));
      }
      if (setting.kind == Kind::kLog && setting.low <= 0) {
        return error(StrCat("\"log\" from ", setting.low, ", must be above 0"));
      }
      return setting;
    }
  }
  return error(
      "must be a list of values, {\"range\": [low, high]} or "
      "{\"log\": [low, high]}");
}

absl::StatusOr<SearchSpace> SearchSpace::Parse(std::string_view text,
                                               std::string_view source) {
  ATTUNE_RETURN_IF_ERROR(ParseJson(text, source).status());
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.empty()) {
    return absl::InvalidArgumentError(
        StrCat(source, ": must be an object that names at least one setting"));
  }
  SearchSpace space;
  space.text_ = json.dump(2);
  for (const auto& [key, value] : json.items()) {
    ATTUNE_ASSIGN_OR_RETURN(Setting setting, ParseSetting(key, value, source));
    space.settings_.push_back(std::move(setting));
  }
  return space;
}

Json SearchSpace::Draw(Rng& rng) const {
  Json drawn = Json::object();
  for (const Setting& setting : settings_) {
    Json& value = drawn[setting.part][setting.name];
    if (setting.kind == Kind::kChoice) {
      value = setting.choices[rng.Below(setting.choices.size())];
      continue;
    }
    const double share = rng.Uniform();
    const double number =
        setting.kind == Kind::kLog
            ? setting.low * std::pow(setting.high / setting.low, share)
            : setting.low + (setting.high - setting.low) * share;
    if (setting.whole) {
      // Every whole number of the range is as likely as any other.
      const double wide =
          setting.low + (setting.high - setting.low + 1) * share;
      value =
          static_cast<int64_t>(setting.kind == Kind::kLog
                                   ? std::llround(number)
                                   : std::min(std::floor(wide), setting.high));
    } else {
      value = std::clamp(Rounded(number), setting.low, setting.high);
    }
  }
  return drawn;
}

}  // namespace attune
