#include "features/numeric_sketch.h"

#include <algorithm>
#include <cmath>

namespace attune::features {
namespace {

constexpr double kTrim = 0.005;  // at each end
// Keeps squares of differences finite.
constexpr double kMaxMagnitude = 1e100;

}  // namespace

void NumericSketch::Add(double value) {
  if (!std::isfinite(value)) return;
  if (count_++ % stride_ != 0) return;
  values_.push_back(std::clamp(value, -kMaxMagnitude, kMaxMagnitude));
  if (values_.size() < kCapacity) return;
  for (size_t i = 0; i < values_.size() / 2; ++i) values_[i] = values_[2 * i];
  values_.resize(values_.size() / 2);
  stride_ *= 2;
}

NumericSummary NumericSketch::Finish(int32_t buckets) const {
  NumericSummary summary;
  summary.count = count_;
  if (values_.empty()) return summary;
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());

  const size_t trim =
      static_cast<size_t>(kTrim * static_cast<double>(sorted.size()));
  const size_t kept = sorted.size() - 2 * trim;
  double sum = 0;
  for (size_t i = trim; i < trim + kept; ++i) sum += sorted[i];
  summary.mean = sum / static_cast<double>(kept);
  double squares = 0;
  for (size_t i = trim; i < trim + kept; ++i) {
    const double difference = sorted[i] - summary.mean;
    squares += difference * difference;
  }
  summary.deviation = std::sqrt(squares / static_cast<double>(kept));

  std::vector<double> distinct = sorted;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() <= kMaxExactValues) {
    for (size_t i = 1; i < distinct.size(); ++i) {
      summary.bounds.push_back(distinct[i - 1] / 2 + distinct[i] / 2);
    }
  } else {
    for (int32_t i = 1; i < buckets; ++i) {
      summary.bounds.push_back(sorted[sorted.size() * static_cast<size_t>(i) /
                                      static_cast<size_t>(buckets)]);
    }
  }
  summary.bounds.erase(
      std::unique(summary.bounds.begin(), summary.bounds.end()),
      summary.bounds.end());
  return summary;
}

}  // namespace attune::features
