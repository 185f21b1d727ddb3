#include "engine/train/negative_sampler.h"

#include <cmath>
#include <limits>

#include "base/strings.h"

namespace attune {

absl::StatusOr<NegativeSampler> NegativeSampler::Create(
    std::span<const int64_t> counts, const NegativeSamplerOptions& options) {
  if (!(options.exponent >= 0) || !(options.smoothing >= 0)) {
    return absl::InvalidArgumentError(StrCat(
        "negative sampler with exponent ", options.exponent, " and smoothing ",
        options.smoothing, ": neither may be negative"));
  }
  const int32_t items = static_cast<int32_t>(counts.size());
  std::vector<double> weights(items);
  double sum = 0;
  int32_t drawn = 0;
  for (int32_t i = 0; i < items; ++i) {
    if (counts[i] < 0) {
      return absl::InvalidArgumentError(
          StrCat("negative sampler: item ", i, " has count ", counts[i]));
    }
    const double count = static_cast<double>(counts[i]) + options.smoothing;
    if (count > 0) {
      weights[i] = options.log_counts ? std::log1p(count)
                                      : std::pow(count, options.exponent);
    }
    sum += weights[i];
    drawn += weights[i] > 0;
  }
  if (drawn < 2) {
    return absl::InvalidArgumentError(
        StrCat("negative sampler: ", drawn, " of ", items,
               " items have a weight, needs at least 2"));
  }

  NegativeSampler sampler;
  sampler.keep_.assign(items, 1);
  sampler.alias_.resize(items);
  sampler.log_probability_.resize(items);
  // Buckets below the mean are filled up by those above it.
  std::vector<int32_t> small, large;
  for (int32_t i = 0; i < items; ++i) {
    sampler.alias_[i] = i;
    sampler.log_probability_[i] =
        weights[i] > 0 ? static_cast<float>(std::log(weights[i] / sum))
                       : -std::numeric_limits<float>::infinity();
    weights[i] *= items / sum;
    (weights[i] < 1 ? small : large).push_back(i);
  }
  // By rounding a bucket may stay in `small` alone: it keeps probability 1,
  // which is right to rounding error, unless it must never be drawn.
  int32_t last_large = large.empty() ? -1 : large.back();
  while (!small.empty()) {
    const int32_t low = small.back();
    small.pop_back();
    if (large.empty()) {
      if (weights[low] > 0) continue;
      sampler.keep_[low] = 0;
      sampler.alias_[low] = last_large;
      continue;
    }
    const int32_t high = last_large = large.back();
    sampler.keep_[low] = static_cast<float>(weights[low]);
    sampler.alias_[low] = high;
    weights[high] -= 1 - weights[low];
    if (weights[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  return sampler;
}

int32_t NegativeSampler::Sample(Rng& rng) const {
  const int32_t bucket = static_cast<int32_t>(rng.Below(keep_.size()));
  return rng.Uniform() < keep_[bucket] ? bucket : alias_[bucket];
}

int32_t NegativeSampler::SampleExcept(int32_t positive, Rng& rng) const {
  int32_t item;
  do {
    item = Sample(rng);
  } while (item == positive);
  return item;
}

float NegativeSampler::LogProbabilityExcept(int32_t item,
                                            int32_t positive) const {
  const double excluded = std::exp(double{log_probability_[positive]});
  return log_probability_[item] - static_cast<float>(std::log1p(-excluded));
}

}  // namespace attune
