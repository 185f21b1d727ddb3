#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune::features {

/// What one numeric column looked like in training.
struct NumericSummary {
  int64_t count = 0;     ///< finite values seen
  double mean = 0;       ///< of the middle 99%, so that a typing error of
  double deviation = 0;  ///< 1e300 does not flatten all others
  /// Ascending bounds without repeats: bucket i holds bounds[i-1] <= x <
  /// bounds[i]. One bucket per value where there are few, else quantiles.
  std::vector<double> bounds;
};

/// Keeps up to kCapacity values of a column, beyond that every 2nd, 4th, … one.
/// Independent of the order of the values below that. Not thread-safe.
class NumericSketch {
 public:
  static constexpr size_t kCapacity = 65536;
  /// Up to as many different values get a bucket each.
  static constexpr size_t kMaxExactValues = 64;

  /// Values that are not finite are left out.
  void Add(double value);
  NumericSummary Finish(int32_t buckets) const;

 private:
  std::vector<double> values_;
  int64_t count_ = 0;
  int64_t stride_ = 1;
};

}  // namespace attune::features
