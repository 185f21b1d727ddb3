#include "engine/model/config.h"

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFusionModes[] = {"none", "features", "full"};

/// One row per key: how it is written and how it is read.
struct Field {
  const char* name;
  std::function<Json(const ModelConfig&)> get;
  std::function<void(ModelConfig&, const Json&)> set;
};

template <typename T>
Field Plain(const char* name, T ModelConfig::* member) {
  return {name, [member](const ModelConfig& c) { return Json(c.*member); },
          [member](ModelConfig& c, const Json& j) { c.*member = j.get<T>(); }};
}

const std::vector<Field>& Fields() {
  static const std::vector<Field>* const fields = new std::vector<Field>{
      Plain("width", &ModelConfig::width),
      Plain("heads", &ModelConfig::heads),
      Plain("encoder_blocks", &ModelConfig::encoder_blocks),
      Plain("decoder_blocks", &ModelConfig::decoder_blocks),
      Plain("feed_forward", &ModelConfig::feed_forward),
      Plain("window", &ModelConfig::window),
      Plain("relative_positions", &ModelConfig::relative_positions),
      Plain("time_buckets", &ModelConfig::time_buckets),
      Plain("gap_buckets", &ModelConfig::gap_buckets),
      Plain("text_heads", &ModelConfig::text_heads),
      Plain("text_buckets", &ModelConfig::text_buckets),
      Plain("attribute_buckets", &ModelConfig::attribute_buckets),
      Plain("user_buckets", &ModelConfig::user_buckets),
      Plain("fusion_hidden", &ModelConfig::fusion_hidden),
      Plain("temperature", &ModelConfig::temperature),
      Plain("use_time", &ModelConfig::use_time),
      Plain("actions", &ModelConfig::actions),
      Plain("tasks", &ModelConfig::tasks),
      Plain("value_formula", &ModelConfig::value_formula),
      {"fusion_mode",
       [](const ModelConfig& c) {
         return Json(kFusionModes[static_cast<int>(c.fusion_mode)]);
       },
       [](ModelConfig& c, const Json& j) {
         const std::string name = j.get<std::string>();
         for (int i = 0; i < 3; ++i) {
           if (name == kFusionModes[i]) {
             c.fusion_mode = static_cast<FusionMode>(i);
             return;
           }
         }
         throw std::invalid_argument(
             StrCat("\"", name, "\" is none of none, features, full"));
       }},
      Plain("fusion_weight", &ModelConfig::fusion_weight),
      Plain("precision", &ModelConfig::precision),
      Plain("dense_width", &ModelConfig::dense_width),
      Plain("dense_names", &ModelConfig::dense_names),
      Plain("item_count", &ModelConfig::item_count),
  };
  return *fields;
}

}  // namespace

int64_t ModelConfig::Anchor(int64_t n) const {
  if (n <= window) return 0;
  const int64_t step = anchor_step();
  return (n - window + step - 1) / step * step;
}

std::string ModelConfig::ToJson() const {
  Json json = Json::object();
  for (const Field& field : Fields()) json[field.name] = field.get(*this);
  return json.dump(2) + "\n";
}

absl::StatusOr<ModelConfig> ModelConfig::FromJson(std::string_view text,
                                                  std::string_view file) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) {
    return absl::InvalidArgumentError(StrCat(file, ": not a JSON object"));
  }
  ModelConfig config;
  for (const auto& [key, value] : json.items()) {
    const Field* found = nullptr;
    for (const Field& field : Fields()) {
      if (key == field.name) found = &field;
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(
          StrCat(file, ": unknown key \"", key, "\""));
    }
    try {
      found->set(config, value);
    } catch (const std::exception& error) {
      return absl::InvalidArgumentError(
          StrCat(file, ": key \"", key, "\": ", error.what()));
    }
  }
  absl::Status valid = config.Validate();
  if (!valid.ok()) {
    return absl::InvalidArgumentError(StrCat(file, ": ", valid.message()));
  }
  return config;
}

absl::Status ModelConfig::Validate() const {
  struct Range {
    const char* name;
    int64_t value, low, high;
  };
  const Range ranges[] = {
      {"width", width, 8, 1024},
      {"heads", heads, 1, 64},
      {"encoder_blocks", encoder_blocks, 1, 64},
      {"decoder_blocks", decoder_blocks, 0, 16},
      {"feed_forward", feed_forward, 8, 8192},
      {"window", window, 4, 1 << 16},
      {"relative_positions", relative_positions, 0, 1 << 16},
      {"time_buckets", time_buckets, 0, 256},
      {"gap_buckets", gap_buckets, 2, 256},
      {"text_heads", text_heads, 1, 64},
      {"text_buckets", text_buckets, 1, 1 << 24},
      {"attribute_buckets", attribute_buckets, 1, 1 << 24},
      {"user_buckets", user_buckets, 1, 1 << 24},
      {"dense_width", dense_width, 0, 4096},
      {"item_count", item_count, 0, int64_t{1} << 31},
      {"tasks", static_cast<int64_t>(tasks.size()), 1, 32},
      {"fusion_hidden", static_cast<int64_t>(fusion_hidden.size()), 1, 8},
  };
  for (const Range& range : ranges) {
    if (range.value < range.low || range.value > range.high) {
      return absl::InvalidArgumentError(StrCat("\"", range.name, "\" is ",
                                               range.value, ", must be in ",
                                               range.low, "..", range.high));
    }
  }
  for (int hidden : fusion_hidden) {
    if (hidden < 1 || hidden > 8192) {
      return absl::InvalidArgumentError(
          StrCat("\"fusion_hidden\" holds ", hidden, ", must be in 1..8192"));
    }
  }
  if (width % heads != 0 || width % text_heads != 0) {
    return absl::InvalidArgumentError(StrCat("width ", width,
                                             " is no multiple of heads ", heads,
                                             " and text_heads ", text_heads));
  }
  if (!(temperature > 0)) {
    return absl::InvalidArgumentError("\"temperature\" must be positive");
  }
  if (tasks[0] != "next") {
    return absl::InvalidArgumentError(
        StrCat("tasks[0] is \"", tasks[0], "\", must be \"next\""));
  }
  if (precision != "f32" && precision != "bf16") {
    return absl::InvalidArgumentError(
        StrCat("\"precision\" is \"", precision, "\", must be f32 or bf16"));
  }
  return absl::OkStatus();
}

}  // namespace attune
