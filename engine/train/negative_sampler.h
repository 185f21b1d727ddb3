#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/rng.h"

namespace attune {

struct NegativeSamplerOptions {
  /// Weight of an item: (count + smoothing)^exponent, usually 0.5 to 1; 0 is
  /// uniform over the items with a weight.
  double exponent = 0.75;
  /// log(1 + count + smoothing) instead: flatter still, as popular items make
  /// up most of what a user was shown and did not take.
  bool log_counts = false;
  /// Above 0, items without a count are drawn too.
  double smoothing = 0;
};

/// Draws items by popularity in constant time (alias method, Walker 1977, built
/// as by Vose 1991); 12 bytes an item. The same seed gives the same draws on
/// every platform with the same math library. Const and thread-safe, with one
/// Rng per thread.
class NegativeSampler {
 public:
  /// counts[i] is item i's count in the training part. InvalidArgument for a
  /// negative count or option, and unless two items have a weight.
  static absl::StatusOr<NegativeSampler> Create(
      std::span<const int64_t> counts, const NegativeSamplerOptions& options);

  int32_t Sample(Rng& rng) const;

  /// One item other than `positive`, by the same weights. Draws again on a hit:
  /// slow only if `positive` has nearly all the weight.
  int32_t SampleExcept(int32_t positive, Rng& rng) const;

  /// log q(item): what a sampled softmax takes off a negative's logit (logQ
  /// correction). -infinity for an item that is never drawn.
  float LogProbability(int32_t item) const { return log_probability_[item]; }

  /// The same given that `positive` was excluded: log(q / (1 - q(positive))).
  /// REQUIRES: item != positive.
  float LogProbabilityExcept(int32_t item, int32_t positive) const;

 private:
  NegativeSampler() = default;

  std::vector<float> keep_;  // probability that a bucket gives its own item
  std::vector<int32_t> alias_;
  std::vector<float> log_probability_;
};

}  // namespace attune
