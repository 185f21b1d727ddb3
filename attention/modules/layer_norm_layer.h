#pragma once

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/parameters.h"
#include "base/status_macros.h"

namespace attune {

/// A layer norm that knows where its gain and bias lie in the model's buffers.
class LayerNormLayer {
 public:
  /// Adds `<name>.gain` and `<name>.bias`, both [1, width].
  LayerNormLayer(ParameterLayout& layout, const std::string& name,
                 int64_t width)
      : layout_(&layout),
        width_(width),
        gain_(layout.Add(name + ".gain", 1, width, Initializer::kOnes, 0,
                         /*decay=*/false)),
        bias_(layout.Add(name + ".bias", 1, width, Initializer::kZeros, 0,
                         /*decay=*/false)) {}

  absl::Status Prepare(const Backend& backend) {
    ATTUNE_ASSIGN_OR_RETURN(op_, backend.CreateLayerNorm(width_));
    return absl::OkStatus();
  }

  void Forward(ExecutionContext& context, std::span<const float> values,
               ConstMatrixView x, MatrixView y) const {
    op_->Forward(context, x, layout_->Vector(gain_, values),
                 layout_->Vector(bias_, values), y);
  }
  /// dx overwritten (may be dy); the parameters' gradients are added to.
  void Backward(ExecutionContext& context, std::span<const float> values,
                ConstMatrixView x, ConstMatrixView dy, MatrixView dx,
                std::span<float> gradients) const {
    op_->Backward(context, x, layout_->Vector(gain_, values), dy, dx,
                  layout_->Vector(gain_, gradients),
                  layout_->Vector(bias_, gradients));
  }

 private:
  const ParameterLayout* layout_;
  int64_t width_;
  ParameterId gain_, bias_;
  std::unique_ptr<LayerNorm> op_;
};

}  // namespace attune
