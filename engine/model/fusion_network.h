#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/linear_layer.h"
#include "engine/model/config.h"

namespace attune {

/// fusion[task](Z, u⊙x, dense): an MLP over the decoder's states, the product
/// of user and item vector and the stored features. Its last layer starts at
/// zero, so that an untrained fusion changes nothing.
class FusionNetwork {
 public:
  FusionNetwork(ParameterLayout& layout, const ModelConfig& config);

  absl::Status Prepare(const Backend& backend, Precision precision,
                       bool training);
  absl::Status SetWeights(std::span<const float> values);

  int64_t input_width() const { return input_width_; }
  /// Multiplies fusion[task] by `factor` in `values`.
  void ScaleTask(int64_t task, float factor, std::span<float> values) const {
    layers_.back().ScaleOutput(task, factor, values);
  }

  /// Inputs side by side, [C, input_width]: Z [C, D] (empty: zeros, the mode
  /// without decoder), user [1, D] or [C, D], x [C, D], dense [C, F].
  void Concatenate(ConstMatrixView z, ConstMatrixView user, ConstMatrixView x,
                   ConstMatrixView dense, MatrixView input) const;

  /// out [C, tasks].
  absl::Status Forward(ExecutionContext& context, ConstMatrixView input,
                       MatrixView out) const;

  struct Saved {
    ConstMatrixView input;
    std::vector<MatrixView> pre_activation, activated;
  };
  absl::Status ForwardTraining(ExecutionContext& context, ConstMatrixView input,
                               Saved& saved, MatrixView out) const;
  /// dinput [C, input_width] overwritten; dout [C, tasks].
  absl::Status Backward(ExecutionContext& context, const Saved& saved,
                        ConstMatrixView dout, MatrixView dinput,
                        std::span<float> gradients) const;

 private:
  ModelConfig config_;
  int64_t input_width_;
  std::vector<LinearLayer> layers_;
  std::unique_ptr<Activation> gelu_;
};

}  // namespace attune
