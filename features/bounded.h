#pragma once

namespace attune::features {

/// The value within [-4, 4]; NaN is 0: what every dense value goes through.
inline float Bounded(double value) {
  if (!(value > -4.0)) return value <= -4.0 ? -4.0f : 0.0f;
  return value < 4.0 ? static_cast<float>(value) : 4.0f;
}

}  // namespace attune::features
