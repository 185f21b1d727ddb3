#pragma once

#include <vector>

#include "base/rng.h"
#include "engine/model/network.h"

namespace attune {

/// Weights as training starts with, but parameters that start at zero (biases,
/// the last fusion layer) get small random numbers, so that every one of them
/// shows in scores and gradients. In the network's layout.
std::vector<float> RandomWeights(const Network& network, Rng& rng);

}  // namespace attune
