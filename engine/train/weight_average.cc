#include "engine/train/weight_average.h"

#include <algorithm>
#include <cmath>

namespace attune {

void UpdateAverage(double decay, int64_t step, std::span<const float> values,
                   std::span<float> average, ThreadPool& pool) {
  if (step % kAverageEvery != 0) return;
  // Young averages forget faster, or the start would stay in them for long.
  const double age = static_cast<double>(step);
  decay = std::min(decay, (1 + age) / (10 + age));
  const float keep = static_cast<float>(std::pow(decay, kAverageEvery));
  constexpr int64_t kChunk = 1 << 16;
  const int64_t size = static_cast<int64_t>(values.size());
  pool.ParallelFor((size + kChunk - 1) / kChunk, [&](int64_t chunk) {
    const int64_t end = std::min((chunk + 1) * kChunk, size);
    for (int64_t i = chunk * kChunk; i < end; ++i) {
      average[i] += (1 - keep) * (values[i] - average[i]);
    }
  });
}

}  // namespace attune
