#pragma once

#include <cstdint>

#include "base/rng.h"

namespace attune {

/// What a random stream of training is for. Part of what a seed means: never
/// change a number.
enum class RandomUse : uint64_t {
  kWeights = 0,
  kBatches = 1,
  kMatchStep = 2,
  kDecoderStep = 3,
  kAugmentation = 4,
  kSearch = 5,
};

/// The seed of a stream of its own for every use and step, so that a resumed
/// run draws what the uninterrupted one would have.
inline uint64_t StreamSeed(uint64_t seed, int stage, int64_t step,
                           RandomUse use) {
  Rng rng(seed * 0x9e3779b97f4a7c15ULL + static_cast<uint64_t>(stage) * 7919 +
          static_cast<uint64_t>(step) * 104729 +
          static_cast<uint64_t>(use) * 1299709);
  return rng.Next();
}

}  // namespace attune
