#pragma once

#include <span>

#include "base/execution_context.h"

namespace attune {

enum class ActivationKind { kNone, kRelu, kGeluTanh, kSilu, kSigmoid };

/// Element-wise activation. GELU in its tanh form (Hendrycks and Gimpel 2016):
/// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Thread-safe.
class Activation {
 public:
  virtual ~Activation() = default;
  /// y[i] = f(x[i]); y may be x.
  virtual void Forward(ExecutionContext& context, std::span<const float> x,
                       std::span<float> y) const = 0;
  /// dx[i] = f'(x[i]) dy[i], x the input of Forward; dx may be dy.
  virtual void Backward(ExecutionContext& context, std::span<const float> x,
                        std::span<const float> dy,
                        std::span<float> dx) const = 0;
};

}  // namespace attune
