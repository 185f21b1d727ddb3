#include "attention/modules/linear_layer.h"

#include <cmath>
#include <utility>

#include "base/status_macros.h"

namespace attune {

LinearLayer::LinearLayer(ParameterLayout& layout, const std::string& name,
                         const LinearSpec& spec, float init_std)
    : layout_(&layout), spec_(spec) {
  if (init_std < 0) {
    init_std = std::sqrt(2.0f / static_cast<float>(spec.in + spec.out));
  }
  weight_ = layout.Add(
      name + ".weight", spec.in, spec.out,
      init_std == 0 ? Initializer::kZeros : Initializer::kNormal, init_std,
      /*decay=*/true);
  if (spec.bias) {
    bias_ = layout.Add(name + ".bias", 1, spec.out, Initializer::kZeros, 0,
                       /*decay=*/false);
  }
}

absl::Status LinearLayer::Prepare(const Backend& backend, Precision precision,
                                  bool training) {
  LinearSpec spec = spec_;
  spec.precision = precision;
  if (training) spec.activation = ActivationKind::kNone;
  ATTUNE_ASSIGN_OR_RETURN(op_, backend.CreateLinear(spec));
  return absl::OkStatus();
}

absl::Status LinearLayer::SetWeights(std::span<const float> values) {
  return op_->SetWeights(
      layout_->Matrix(weight_, values),
      spec_.bias ? layout_->Vector(bias_, values) : std::span<const float>());
}

absl::Status LinearLayer::Backward(ExecutionContext& context, ConstMatrixView x,
                                   ConstMatrixView dy, MatrixView dx,
                                   std::span<float> gradients) const {
  return op_->Backward(
      context, x, dy, dx, layout_->Matrix(weight_, gradients),
      spec_.bias ? layout_->Vector(bias_, gradients) : std::span<float>());
}

void LinearLayer::ScaleOutput(int64_t column, float factor,
                              std::span<float> values) const {
  MatrixView weights = layout_->Matrix(weight_, values);
  for (int64_t row = 0; row < weights.rows(); ++row) {
    weights(row, column) *= factor;
  }
  if (spec_.bias) layout_->Vector(bias_, values)[column] *= factor;
}

}  // namespace attune
