#pragma once

#include <cstdint>
#include <span>

#include "base/parallel.h"

namespace attune {

/// Steps between two updates of the weights' average: the pass over all of them
/// is as dear as a part of the optimiser's.
inline constexpr int kAverageEvery = 4;

/// Moves the exponential average of the weights towards `values` after step
/// `step` = 1, 2, …, as if it were moved at every step with `decay`; most steps
/// change nothing. Both spans have the same size.
void UpdateAverage(double decay, int64_t step, std::span<const float> values,
                   std::span<float> average, ThreadPool& pool);

}  // namespace attune
