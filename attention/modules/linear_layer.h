#pragma once

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/parameters.h"

namespace attune {

/// A linear layer that knows where its weights lie in the model's buffers.
class LinearLayer {
 public:
  /// Adds `<name>.weight` [in, out] and, with bias, `<name>.bias` [1, out].
  /// init_std < 0: Xavier normal; 0: zeros.
  LinearLayer(ParameterLayout& layout, const std::string& name,
              const LinearSpec& spec, float init_std = -1);

  /// Makes the operation. `training` leaves the activation out of it, since
  /// Backward needs the values before it.
  absl::Status Prepare(const Backend& backend, Precision precision,
                       bool training);
  /// Packs the current weights; after every optimiser step.
  absl::Status SetWeights(std::span<const float> values);

  absl::Status Forward(ExecutionContext& context, ConstMatrixView x,
                       MatrixView y, ConstMatrixView residual = {}) const {
    return op_->Forward(context, x, y, residual);
  }
  /// dx (may be empty) is overwritten; the weights' gradients are added to.
  absl::Status Backward(ExecutionContext& context, ConstMatrixView x,
                        ConstMatrixView dy, MatrixView dx,
                        std::span<float> gradients) const;

  /// Multiplies output `column` for every input: its weights and its bias in
  /// `values`. Takes effect with SetWeights().
  void ScaleOutput(int64_t column, float factor, std::span<float> values) const;

  int64_t in() const { return spec_.in; }
  int64_t out() const { return spec_.out; }
  const LinearSpec& spec() const { return spec_; }

 private:
  const ParameterLayout* layout_;
  LinearSpec spec_;
  ParameterId weight_;
  ParameterId bias_ = -1;
  std::unique_ptr<Linear> op_;
};

}  // namespace attune
