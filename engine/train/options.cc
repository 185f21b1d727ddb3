#include "engine/train/options.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

struct Field {
  const char* name;
  std::function<Json(const TrainOptions&)> get;
  std::function<void(TrainOptions&, const Json&)> set;
};

template <typename T>
Field Plain(const char* name, T TrainOptions::* member) {
  return {name, [member](const TrainOptions& o) { return Json(o.*member); },
          [member](TrainOptions& o, const Json& j) { o.*member = j.get<T>(); }};
}

std::vector<Field> Fields() {
  return {
      Plain("epochs", &TrainOptions::epochs),
      Plain("patience", &TrainOptions::patience),
      Plain("batch_tokens", &TrainOptions::batch_tokens),
      Plain("learning_rate", &TrainOptions::learning_rate),
      Plain("warmup_steps", &TrainOptions::warmup_steps),
      Plain("final_rate", &TrainOptions::final_rate),
      Plain("weight_decay", &TrainOptions::weight_decay),
      Plain("dropout", &TrainOptions::dropout),
      Plain("id_dropout", &TrainOptions::id_dropout),
      Plain("event_dropout", &TrainOptions::event_dropout),
      Plain("target_skip", &TrainOptions::target_skip),
      Plain("average_decay", &TrainOptions::average_decay),
      Plain("exclude_seen", &TrainOptions::exclude_seen),
      Plain("gradient_clip", &TrainOptions::gradient_clip),
      Plain("min_positives", &TrainOptions::min_positives),
      Plain("full_softmax_items", &TrainOptions::full_softmax_items),
      Plain("sampled_negatives", &TrainOptions::sampled_negatives),
      Plain("decoder_epochs", &TrainOptions::decoder_epochs),
      Plain("decoder_patience", &TrainOptions::decoder_patience),
      Plain("decoder_learning_rate", &TrainOptions::decoder_learning_rate),
      Plain("decoder_dropout", &TrainOptions::decoder_dropout),
      Plain("decoder_match_dropout", &TrainOptions::decoder_match_dropout),
      Plain("decoder_positions", &TrainOptions::decoder_positions),
      Plain("decoder_negatives", &TrainOptions::decoder_negatives),
      Plain("hard_pool", &TrainOptions::hard_pool),
      Plain("fusion_z_dropout", &TrainOptions::fusion_z_dropout),
      Plain("rerank", &TrainOptions::rerank),
      Plain("seed", &TrainOptions::seed),
      Plain("threads", &TrainOptions::threads),
  };
}

absl::Status Validate(const TrainOptions& o, std::string_view file) {
  struct Range {
    const char* name;
    double value, low, high;
  };
  const Range ranges[] = {
      {"epochs", static_cast<double>(o.epochs), 0, 100000},
      {"patience", static_cast<double>(o.patience), 1, 100000},
      {"batch_tokens", static_cast<double>(o.batch_tokens), 0, 1 << 20},
      {"learning_rate", o.learning_rate, 1e-8, 1},
      {"dropout", o.dropout, 0, 0.95},
      {"id_dropout", o.id_dropout, 0, 0.95},
      {"event_dropout", o.event_dropout, 0, 0.95},
      {"target_skip", o.target_skip, 0, 0.95},
      {"average_decay", o.average_decay, 0, 0.999999},
      {"decoder_match_dropout", o.decoder_match_dropout, 0, 0.95},
      {"decoder_dropout", o.decoder_dropout, 0, 0.95},
      {"fusion_z_dropout", o.fusion_z_dropout, 0, 0.95},
      {"decoder_negatives", static_cast<double>(o.decoder_negatives), 2, 4096},
      {"decoder_positions", static_cast<double>(o.decoder_positions), 1, 4096},
      {"hard_pool", static_cast<double>(o.hard_pool), 2, 100000},
      {"rerank", static_cast<double>(o.rerank), 1, 1e6},
      {"threads", static_cast<double>(o.threads), 1, 1024},
      {"min_positives", static_cast<double>(o.min_positives), 3, 1e6},
      {"sampled_negatives", static_cast<double>(o.sampled_negatives), 16, 1e6},
  };
  for (const Range& range : ranges) {
    if (!(range.value >= range.low && range.value <= range.high)) {
      return absl::InvalidArgumentError(
          StrCat(file, ": training.", range.name, " is ", range.value,
                 ", must be in ", range.low, "..", range.high));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string TrainOptions::ToJson() const {
  Json json = Json::object();
  for (const Field& field : Fields()) json[field.name] = field.get(*this);
  return json.dump(2);
}

absl::StatusOr<TrainConfig> ParseTrainConfig(std::string_view text,
                                             std::string_view file) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) {
    return absl::InvalidArgumentError(StrCat(file, ": not a JSON object"));
  }
  TrainConfig config;
  for (const auto& [key, value] : json.items()) {
    if (key == "model") {
      ATTUNE_ASSIGN_OR_RETURN(config.model,
                              ModelConfig::FromJson(value.dump(), file));
    } else if (key == "training" && value.is_object()) {
      for (const auto& [name, field_value] : value.items()) {
        bool found = false;
        for (const Field& field : Fields()) {
          if (name != field.name) continue;
          found = true;
          try {
            field.set(config.training, field_value);
          } catch (const std::exception& error) {
            return absl::InvalidArgumentError(
                StrCat(file, ": training.", name, ": ", error.what()));
          }
        }
        if (!found) {
          return absl::InvalidArgumentError(
              StrCat(file, ": unknown key \"training.", name, "\""));
        }
      }
    } else {
      return absl::InvalidArgumentError(
          StrCat(file, ": unknown key \"", key, "\" (model, training)"));
    }
  }
  ATTUNE_RETURN_IF_ERROR(Validate(config.training, file));
  return config;
}

}  // namespace attune
