#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attention/backend.h"
#include "attention/modules/parameters.h"
#include "engine/model/candidate_decoder.h"
#include "engine/model/config.h"
#include "engine/model/fusion_network.h"
#include "engine/model/history_encoder.h"
#include "engine/model/item_encoder.h"

namespace attune {

/// The whole network of one configuration: its parameters' layout and its
/// parts. Values live outside (a model's, a trainer's), so the same code serves
/// and trains. Prepare() and SetWeights() are exclusive; the rest is const and
/// thread-safe.
class Network {
 public:
  explicit Network(const ModelConfig& config);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Makes every operation. `training` also allows the Backward methods.
  absl::Status Prepare(const Backend& backend, bool training);
  /// Packs the values [layout().size()]; they must stay valid while used.
  absl::Status SetWeights(ExecutionContext& context,
                          std::span<const float> values);

  const ModelConfig& config() const { return config_; }
  const ParameterLayout& layout() const { return layout_; }

  /// match[task][c] parameters: logit = a_task match + b_task + fusion.
  ParameterId task_scale() const { return task_scale_; }
  ParameterId task_bias() const { return task_bias_; }

  const ItemEncoder& items() const { return items_; }
  ItemEncoder& items() { return items_; }
  const HistoryEncoder& history() const { return history_; }
  const CandidateDecoder& decoder() const { return decoder_; }
  const FusionNetwork& fusion() const { return fusion_; }

 private:
  ModelConfig config_;
  ParameterLayout layout_;
  ItemEncoder items_;
  HistoryEncoder history_;
  CandidateDecoder decoder_;
  FusionNetwork fusion_;
  ParameterId task_scale_, task_bias_;
};

}  // namespace attune
