#include "bench/rivals/random_weights.h"

#include <span>

namespace attune {
namespace {

/// Standard deviation of what replaces a parameter that starts at zero.
constexpr float kZeroNoise = 0.1f;

}  // namespace

std::vector<float> RandomWeights(const Network& network, Rng& rng) {
  std::vector<float> values(static_cast<size_t>(network.layout().size()));
  network.layout().Initialize(rng, values);
  for (const Parameter& parameter : network.layout().list()) {
    if (parameter.initializer != Initializer::kZeros) continue;
    for (float& value :
         std::span(values).subspan(parameter.offset, parameter.size())) {
      value = static_cast<float>(rng.Normal()) * kZeroNoise;
    }
  }
  return values;
}

}  // namespace attune
