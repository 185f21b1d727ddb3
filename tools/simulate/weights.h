#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace attune::simulate {

/// Draws from contiguous lists of weighted entries in O(log length). The lists
/// share one running sum, so a million items in five lists each stay cheap.
/// Draw is thread-safe with one Rng per thread.
class ListSampler {
 public:
  void Reserve(size_t entries) { running_.reserve(entries); }

  /// weight >= 0.
  void Append(double weight) {
    running_.push_back((running_.empty() ? 0 : running_.back()) + weight);
  }

  /// A position in [begin, end), by weight; REQUIRES begin < end <= appended.
  size_t Draw(size_t begin, size_t end, Rng& rng) const;

 private:
  std::vector<double> running_;
};

/// A few weighted tags: what a reader is after at the moment.
class TagMix {
 public:
  bool empty() const { return weights_.empty(); }
  void Clear() { weights_.clear(); }

  /// Multiplies all weights and forgets the ones that became negligible.
  void Fade(float factor);

  /// Adds one unit vector: weight / sqrt(number of tags) on each tag.
  void Blend(std::span<const uint16_t> tags, float weight);

  /// Cosine-like match with an item's tags, 0 for an item without tags.
  float Match(std::span<const uint16_t> tags) const;

  /// A tag by weight; REQUIRES !empty().
  uint16_t Draw(Rng& rng) const;

 private:
  std::vector<std::pair<uint16_t, float>> weights_;
};

}  // namespace attune::simulate
