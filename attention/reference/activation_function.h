#pragma once

#include "attention/ops/activation.h"

namespace attune {

/// f(x) and f'(x) of one activation, in double.
double ActivationValue(ActivationKind kind, double x);
double ActivationDerivative(ActivationKind kind, double x);

}  // namespace attune
