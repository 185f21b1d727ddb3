#pragma once

#include <span>

#include "attention/ops/activation.h"

namespace attune {

/// y = f(x); y may be x. An element's bits do not depend on its place.
void ActivationForward(ActivationKind kind, std::span<const float> x,
                       std::span<float> y);
/// dx = f'(x) dy; dx may be dy.
void ActivationBackward(ActivationKind kind, std::span<const float> x,
                        std::span<const float> dy, std::span<float> dx);

}  // namespace attune
