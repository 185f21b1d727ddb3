#pragma once

#include <span>

#include "base/execution_context.h"
#include "base/tensor_view.h"

namespace attune {

/// Layer normalisation over the last axis (Ba et al. 2016), epsilon 1e-6.
/// Row by row, so a row's result never depends on the others. Thread-safe.
class LayerNorm {
 public:
  static constexpr float kEpsilon = 1e-6f;

  virtual ~LayerNorm() = default;
  /// y[M, D] = gamma (x - mean) / sqrt(var + eps) + beta; y may be x.
  virtual void Forward(ExecutionContext& context, ConstMatrixView x,
                       std::span<const float> gamma,
                       std::span<const float> beta, MatrixView y) const = 0;
  /// x is the input of Forward (statistics are computed again). dx overwritten
  /// (may be dy); dgamma, dbeta [D] are added to.
  virtual void Backward(ExecutionContext& context, ConstMatrixView x,
                        std::span<const float> gamma, ConstMatrixView dy,
                        MatrixView dx, std::span<float> dgamma,
                        std::span<float> dbeta) const = 0;
};

}  // namespace attune
