#include "engine/train/options.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/json_file.h"
#include "engine/io/nearest_name.h"
#include "engine/model/option_table.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

const OptionTable<TrainOptions>& Table() {
  using O = TrainOptions;
  constexpr int kMostEpochs = 100'000;
  constexpr int kMostItems = 1 << 30;
  static const auto* const table = new OptionTable<O>(
      OptionTable<O>()
          .Whole("epochs", &O::epochs, 0, kMostEpochs)
          .Whole("patience", &O::patience, 1, kMostEpochs)
          .Whole("batch_tokens", &O::batch_tokens, 0, 1 << 20)
          .Real("learning_rate", &O::learning_rate, 1e-8f, 1)
          .Whole("warmup_steps", &O::warmup_steps, 0, 1'000'000)
          .Real("final_rate", &O::final_rate, 0, 1)
          .Real("weight_decay", &O::weight_decay, 0, 10)
          .Real("dropout", &O::dropout, 0, 0.95f)
          .Real("id_dropout", &O::id_dropout, 0, 0.95f)
          .Real("event_dropout", &O::event_dropout, 0, 0.95f)
          .Real("target_skip", &O::target_skip, 0, 0.95f)
          .Real("average_decay", &O::average_decay, 0, 0.999999f)
          .Flag("exclude_seen", &O::exclude_seen)
          .Real("gradient_clip", &O::gradient_clip, 0, 1e6f)
          .Whole("min_positives", &O::min_positives, 3, 1'000'000)
          .Whole("full_softmax_items", &O::full_softmax_items, 0, kMostItems)
          .Whole("sampled_negatives", &O::sampled_negatives, 16, 1'000'000)
          .Whole("text_rows", &O::text_rows, 1, 1 << 24)
          .Whole("neighbours", &O::neighbours, 1, 10'000)
          .Whole("transition_window", &O::transition_window, 1, 1000)
          .Real("transition_decay", &O::transition_decay, 0.1f, 1e6f)
          .Whole("decoder_epochs", &O::decoder_epochs, 0, kMostEpochs)
          .Whole("decoder_batch_tokens", &O::decoder_batch_tokens, 0, 1 << 20)
          .Whole("decoder_patience", &O::decoder_patience, 1, kMostEpochs)
          .Real("decoder_learning_rate", &O::decoder_learning_rate, 1e-8f, 1)
          .Real("decoder_dropout", &O::decoder_dropout, 0, 0.95f)
          .Real("decoder_match_dropout", &O::decoder_match_dropout, 0, 0.95f)
          .Real("user_dropout", &O::user_dropout, 0, 0.95f)
          .Real("context_dropout", &O::context_dropout, 0, 0.95f)
          .Real("new_item_dropout", &O::new_item_dropout, 0, 0.95f)
          .Real("impression_weight", &O::impression_weight, 0, 1000)
          .Whole("decoder_positions", &O::decoder_positions, 1, 4096)
          .Real("decoder_basket_weight", &O::decoder_basket_weight, -1, 1)
          .Whole("decoder_negatives", &O::decoder_negatives, 2, 4096)
          .Whole("hard_pool", &O::hard_pool, 2, 100'000)
          .Real("fusion_z_dropout", &O::fusion_z_dropout, 0, 0.95f)
          .Whole("rerank", &O::rerank, 1, 1'000'000)
          .Whole("seed", &O::seed, uint64_t{0}, ~uint64_t{0})
          .Whole("threads", &O::threads, 0, 1024));
  return *table;
}

// Keys of config.json that FitConfig and the choice on validation fill in: what
// a configuration said would not count.
constexpr std::string_view kFromData[] = {
    "text_buckets", "attribute_buckets", "user_buckets", "context_buckets",
    "context_text", "use_time",          "actions",      "tasks",
    "fusion_mode",  "fusion_weight",     "dense_width",  "dense_names",
    "item_count",
};

absl::Status CheckModelKeys(const Json& model, std::string_view where) {
  for (std::string_view name : kFromData) {
    if (!model.contains(std::string(name))) continue;
    return absl::InvalidArgumentError(
        StrCat(where, name, ": follows from the data; leave it out"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string TrainOptions::ToJson() const {
  return Table().ToJson(*this).dump(2);
}

absl::Status TrainOptions::Validate() const {
  return Table().Check(*this, "training.");
}

absl::StatusOr<TrainConfig> ParseTrainConfig(std::string_view text,
                                             std::string_view file) {
  // For its checks: the other parser keeps the last of repeated keys.
  ATTUNE_RETURN_IF_ERROR(ParseJson(text, file).status());
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(StrCat(file, ": not a JSON object"));
  }
  constexpr std::string_view kParts[] = {"model", "training"};
  TrainConfig config;
  for (const auto& [key, value] : json.items()) {
    if (key != kParts[0] && key != kParts[1]) {
      return absl::InvalidArgumentError(
          StrCat(file, ": ", key,
                 ": there is no such key beside \"model\" and "
                 "\"training\"",
                 DidYouMean(key, kParts)));
    }
    const std::string where = StrCat(file, ": ", key, ".");
    if (!value.is_object()) {
      return absl::InvalidArgumentError(StrCat(file, ": ", key, " is ",
                                               value.type_name(),
                                               ", must be an object, {…}"));
    }
    if (key == "model") {
      ATTUNE_RETURN_IF_ERROR(CheckModelKeys(value, where));
      ATTUNE_ASSIGN_OR_RETURN(config.model,
                              ModelConfig::FromObject(value, where));
    } else {
      ATTUNE_RETURN_IF_ERROR(Table().Read(value, where, &config.training));
    }
  }
  return config;
}

}  // namespace attune
