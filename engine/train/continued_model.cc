#include "engine/train/continued_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/model/network.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr float kRateShare = 0.5f;
constexpr int kPatience = 3;
constexpr int kEpochs = 10;
constexpr int kDecoderEpochs = 6;

/// Row of the old table for each row of the new one, -1 where there is none.
std::vector<int64_t> RowsByName(std::span<const std::string> names,
                                std::span<const std::string> old_names) {
  std::vector<int64_t> rows;
  rows.reserve(names.size());
  for (const std::string& name : names) {
    const auto at = std::find(old_names.begin(), old_names.end(), name);
    rows.push_back(at == old_names.end() ? -1 : at - old_names.begin());
  }
  return rows;
}

std::string Shape(const Parameter& parameter) {
  return StrCat(parameter.rows, " x ", parameter.cols);
}

}  // namespace

absl::StatusOr<TrainOptions> ContinuedOptions(const Model& model) {
  const Json report = Json::parse(model.report_json(), nullptr,
                                  /*allow_exceptions=*/false);
  if (!report.is_object() || !report.contains("training")) {
    return absl::FailedPreconditionError(
        StrCat("model ", model.version(),
               ": its report.json does not say how it was trained; give a "
               "configuration"));
  }
  const Json config = {{"training", report["training"]}};
  ATTUNE_ASSIGN_OR_RETURN(TrainConfig parsed,
                          ParseTrainConfig(config.dump(), "report.json"));
  TrainOptions& options = parsed.training;
  options.learning_rate *= kRateShare;
  options.decoder_learning_rate *= kRateShare;
  options.epochs = std::min(options.epochs, kEpochs);
  options.decoder_epochs = std::min(options.decoder_epochs, kDecoderEpochs);
  options.patience = std::min(options.patience, kPatience);
  options.decoder_patience = std::min(options.decoder_patience, kPatience);
  options.threads = 0;
  return options;
}

absl::StatusOr<std::vector<float>> ContinuedWeights(
    const Model& model, const ModelConfig& config,
    std::span<const std::string> item_ids, std::vector<float> fresh) {
  if (config.tasks != model.config().tasks) {
    return absl::FailedPreconditionError(
        StrCat("model ", model.version(), " has ", model.config().tasks.size(),
               " tasks, the database has others or another order (",
               config.tasks.size(), "): train a model anew"));
  }
  const Network old_network(model.config());
  const Network network(config);
  const auto& old_list = old_network.layout().list();
  const auto& list = network.layout().list();
  std::vector<int64_t> item_rows;
  for (const std::string& id : item_ids) item_rows.push_back(model.IdRow(id));
  const std::vector<int64_t> action_rows =
      RowsByName(config.actions, model.config().actions);
  for (size_t p = 0; p < list.size(); ++p) {
    const Parameter& parameter = list[p];
    const Parameter& old = old_list[p];
    const bool is_item = parameter.name == "item.id";
    const bool by_name = is_item || parameter.name == "history.action";
    if (old.name != parameter.name || old.cols != parameter.cols ||
        (old.rows != parameter.rows && !by_name)) {
      return absl::FailedPreconditionError(
          StrCat("model ", model.version(), ": ", old.name, " is ", Shape(old),
                 ", training needs ", parameter.name, " of ", Shape(parameter),
                 ": it cannot be continued"));
    }
    const std::span<const float> from =
        model.values().subspan(old.offset, old.size());
    const std::span<float> to =
        std::span(fresh).subspan(parameter.offset, parameter.size());
    if (!by_name) {
      std::copy(from.begin(), from.end(), to.begin());
      continue;
    }
    const std::vector<int64_t>& rows = is_item ? item_rows : action_rows;
    for (size_t row = 0; row < rows.size(); ++row) {
      const auto target = to.subspan(row * parameter.cols, parameter.cols);
      if (rows[row] >= 0) {
        std::copy_n(from.begin() + rows[row] * parameter.cols, parameter.cols,
                    target.begin());
      } else if (is_item) {
        std::fill(target.begin(), target.end(), 0.0f);
      }
    }
  }
  return fresh;
}

absl::Status CheckNotWorse(const Model& model, double before, double now) {
  if (now >= before) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "the continued model ranks held-out events worse than model %s did: "
      "%.4f, before %.4f; nothing is written",
      model.version(), now, before));
}

}  // namespace attune
