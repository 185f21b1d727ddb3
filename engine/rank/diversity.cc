#include "engine/rank/diversity.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace attune {
namespace {

// Eight partial sums in a fixed order: the compiler may use vector
// instructions and the result stays the same on every machine.
float Dot(const float* a, const float* b, int64_t width) {
  float sums[8] = {};
  int64_t d = 0;
  for (; d + 8 <= width; d += 8) {
    for (int lane = 0; lane < 8; ++lane)
      sums[lane] += a[d + lane] * b[d + lane];
  }
  for (int lane = 0; d < width; ++d, ++lane) sums[lane] += a[d] * b[d];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
         ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

// Writes x / |x|, or zeros where that does not exist.
void Normalise(const float* x, int64_t width, float* unit) {
  double square = 0;
  for (int64_t d = 0; d < width; ++d) square += double{x[d]} * x[d];
  const double norm = std::sqrt(square);
  const double scale = norm > 0 && std::isfinite(norm) ? 1.0 / norm : 0.0;
  for (int64_t d = 0; d < width; ++d) {
    unit[d] = scale == 0 ? 0.0f : static_cast<float>(x[d] * scale);
  }
}

}  // namespace

int64_t DiversityPool(int64_t k, int64_t candidates) {
  k = std::min(k, kMostDiversified);
  if (k >= candidates / 5) return candidates;  // and 5 k cannot overflow
  return std::min(candidates, std::max<int64_t>(5 * k, 100));
}

void DiversifyByMmr(double diversity, int64_t k, std::span<const double> scores,
                    ConstMatrixView vectors, Workspace& workspace,
                    std::span<int32_t> order) {
  const int64_t pool = static_cast<int64_t>(order.size());
  const int64_t places = std::min({k, pool, kMostDiversified});
  if (!(diversity > 0) || places <= 1) return;
  diversity = std::min(diversity, 1.0);
  const int64_t width = vectors.cols();
  assert(vectors.rows() == static_cast<int64_t>(scores.size()));

  Workspace::Scope scope(workspace);
  const MatrixView units = workspace.Matrix(pool, width);
  const std::span<double> relevance = workspace.Allocate<double>(pool);
  const std::span<float> likeness = workspace.Allocate<float>(pool);
  // Places of `order` not chosen yet, in their old order.
  const std::span<int32_t> open = workspace.Allocate<int32_t>(pool);
  const std::span<int32_t> chosen = workspace.Allocate<int32_t>(pool);

  double lowest = scores[order[0]];
  double highest = lowest;
  for (const int32_t i : order) {
    lowest = std::min(lowest, scores[i]);
    highest = std::max(highest, scores[i]);
  }
  for (int64_t p = 0; p < pool; ++p) {
    Normalise(vectors.row(order[p]), width, units.row(p));
    // Halved first: the difference of two doubles may overflow.
    relevance[p] = highest > lowest ? (scores[order[p]] / 2 - lowest / 2) /
                                          (highest / 2 - lowest / 2)
                                    : 1.0;
    // Below every cosine, so that the first place goes by relevance alone.
    likeness[p] = -1.0f;
    open[p] = static_cast<int32_t>(p);
  }

  int64_t left = pool;
  for (int64_t place = 0; place < places; ++place) {
    int64_t best = 0;
    double best_value = 0;
    for (int64_t n = 0; n < left; ++n) {
      const int32_t p = open[n];
      const double value = (1.0 - diversity) * relevance[p] -
                           diversity * static_cast<double>(likeness[p]);
      if (n == 0 || value > best_value) {
        best = n;
        best_value = value;
      }
    }
    const int32_t winner = open[best];
    chosen[place] = order[winner];
    std::copy(open.begin() + best + 1, open.begin() + left,
              open.begin() + best);
    --left;
    for (int64_t n = 0; n < left; ++n) {
      const int32_t p = open[n];
      likeness[p] =
          std::max(likeness[p], Dot(units.row(p), units.row(winner), width));
    }
  }
  for (int64_t n = 0; n < left; ++n) chosen[places + n] = order[open[n]];
  std::copy(chosen.begin(), chosen.end(), order.begin());
}

}  // namespace attune
