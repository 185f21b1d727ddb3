#pragma once

#include <cmath>
#include <cstdint>

namespace attune {

/// Linear warm-up, then half a cosine (Loshchilov and Hutter 2017, SGDR without
/// restarts): factors of the base learning rate.
struct WarmupCosine {
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;  ///< where the cosine ends, warm-up included
  float floor = 0;          ///< the factor from there on

  /// The factor for step 0, 1, …: never 0 in the warm-up, whose last step has
  /// the full rate. After total_steps: the floor.
  float At(int64_t step) const {
    if (step < warmup_steps) {
      return static_cast<float>(step + 1) / static_cast<float>(warmup_steps);
    }
    if (step >= total_steps) return floor;
    const double progress = static_cast<double>(step - warmup_steps) /
                            static_cast<double>(total_steps - warmup_steps);
    const double cosine = 0.5 * (1 + std::cos(3.141592653589793 * progress));
    return floor + (1 - floor) * static_cast<float>(cosine);
  }
};

}  // namespace attune
