#include "engine/model/config.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/json_file.h"
#include "engine/model/option_table.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

const OptionTable<ModelConfig>& Table() {
  using C = ModelConfig;
  constexpr int kMostRows = 1 << 24;
  static const auto* const table = new OptionTable<C>(
      OptionTable<C>()
          .Whole("width", &C::width, 8, 1024)
          .Whole("heads", &C::heads, 1, 64)
          .Whole("encoder_blocks", &C::encoder_blocks, 1, 64)
          .Whole("decoder_blocks", &C::decoder_blocks, 0, 16)
          .Whole("feed_forward", &C::feed_forward, 8, 8192)
          .Whole("window", &C::window, 4, 1 << 16)
          .Whole("relative_positions", &C::relative_positions, 0, 1 << 16)
          .Whole("time_buckets", &C::time_buckets, 0, 256)
          .Whole("gap_buckets", &C::gap_buckets, 2, 256)
          .Whole("text_heads", &C::text_heads, 1, 64)
          .Whole("text_buckets", &C::text_buckets, 1, kMostRows)
          .Whole("attribute_buckets", &C::attribute_buckets, 1, kMostRows)
          .Whole("user_buckets", &C::user_buckets, 1, kMostRows)
          .Whole("context_buckets", &C::context_buckets, 0, kMostRows)
          .Flag("context_text", &C::context_text)
          .WholeList("fusion_hidden", &C::fusion_hidden, {1, 8}, 1, 8192)
          .Real("temperature", &C::temperature, 1e-3f, 100)
          .Flag("use_time", &C::use_time)
          .TextList("actions", &C::actions, {0, 65536})
          .TextList("tasks", &C::tasks, {1, 32})
          .Text("value_formula", &C::value_formula)
          .Choice("fusion_mode", &C::fusion_mode, {"none", "features", "full"})
          .Real("fusion_weight", &C::fusion_weight, -1e6f, 1e6f)
          .Text("precision", &C::precision, {"f32", "bf16"})
          .Whole("dense_width", &C::dense_width, 0, 4096)
          .TextList("dense_names", &C::dense_names, {0, 4096})
          .Whole("item_count", &C::item_count, int64_t{0}, int64_t{1} << 31));
  return *table;
}

// What only several keys together can break.
absl::Status CheckTogether(const ModelConfig& c, std::string_view where) {
  for (const auto& [name, heads] :
       {std::pair<const char*, int>{"heads", c.heads},
        {"text_heads", c.text_heads}}) {
    if (c.width % heads != 0) {
      return absl::InvalidArgumentError(StrCat(where, "width is ", c.width,
                                               ", must be a multiple of ", name,
                                               ", ", heads));
    }
  }
  if (c.tasks[0] != "next") {
    return absl::InvalidArgumentError(
        StrCat(where, "tasks[0] is \"", c.tasks[0], "\", must be \"next\""));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t ModelConfig::Anchor(int64_t n) const {
  if (n <= window) return 0;
  const int64_t step = anchor_step();
  return (n - window + step - 1) / step * step;
}

std::string ModelConfig::ToJson() const {
  return Table().ToJson(*this).dump(2) + "\n";
}

absl::StatusOr<ModelConfig> ModelConfig::FromJson(std::string_view text,
                                                  std::string_view file) {
  // For its checks: the other parser keeps the last of repeated keys.
  ATTUNE_RETURN_IF_ERROR(ParseJson(text, file).status());
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(StrCat(file, ": not a JSON object"));
  }
  return FromObject(json, StrCat(file, ": "));
}

absl::StatusOr<ModelConfig> ModelConfig::FromObject(
    const nlohmann::ordered_json& json, std::string_view where) {
  ModelConfig config;
  ATTUNE_RETURN_IF_ERROR(Table().Read(json, where, &config));
  ATTUNE_RETURN_IF_ERROR(CheckTogether(config, where));
  return config;
}

absl::Status ModelConfig::Validate() const {
  ATTUNE_RETURN_IF_ERROR(Table().Check(*this, "model."));
  return CheckTogether(*this, "model.");
}

}  // namespace attune
