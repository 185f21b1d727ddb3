#include "engine/model/network.h"

#include "base/status_macros.h"

namespace attune {

Network::Network(const ModelConfig& config)
    : config_(config),
      items_(layout_, config_),
      history_(layout_, config_),
      decoder_(layout_, config_),
      fusion_(layout_, config_),
      task_scale_(layout_.Add("tasks.scale", 1,
                              static_cast<int64_t>(config.tasks.size()),
                              Initializer::kZeros, 0, /*decay=*/false)),
      task_bias_(layout_.Add("tasks.bias", 1,
                             static_cast<int64_t>(config.tasks.size()),
                             Initializer::kZeros, 0, /*decay=*/false)) {}

absl::Status Network::Prepare(const Backend& backend, bool training) {
  const Precision precision = config_.precision == "bf16" && !training
                                  ? Precision::kBf16
                                  : Precision::kF32;
  ATTUNE_RETURN_IF_ERROR(items_.Prepare(backend, training));
  ATTUNE_RETURN_IF_ERROR(history_.Prepare(backend, precision, training));
  ATTUNE_RETURN_IF_ERROR(decoder_.Prepare(backend, precision, training));
  return fusion_.Prepare(backend, precision, training);
}

absl::Status Network::SetWeights(ExecutionContext& context,
                                 std::span<const float> values) {
  if (static_cast<int64_t>(values.size()) != layout_.size()) {
    return absl::InvalidArgumentError(
        "weights do not have the size of the network's layout");
  }
  ATTUNE_RETURN_IF_ERROR(items_.SetWeights(context, values));
  ATTUNE_RETURN_IF_ERROR(history_.SetWeights(values));
  ATTUNE_RETURN_IF_ERROR(decoder_.SetWeights(values));
  return fusion_.SetWeights(values);
}

}  // namespace attune
