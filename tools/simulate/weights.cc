#include "tools/simulate/weights.h"

#include <algorithm>
#include <cmath>

namespace attune::simulate {

size_t ListSampler::Draw(size_t begin, size_t end, Rng& rng) const {
  const double low = begin == 0 ? 0 : running_[begin - 1];
  const double target = low + rng.Uniform() * (running_[end - 1] - low);
  auto it = std::upper_bound(running_.begin() + begin, running_.begin() + end,
                             target);
  // Rounding may put the target on the last running sum.
  return std::min<size_t>(it - running_.begin(), end - 1);
}

void TagMix::Fade(float factor) {
  for (auto& [tag, weight] : weights_) weight *= factor;
  std::erase_if(weights_,
                [](const auto& entry) { return entry.second < 0.02f; });
}

void TagMix::Blend(std::span<const uint16_t> tags, float weight) {
  if (tags.empty()) return;
  const float each = weight / std::sqrt(static_cast<float>(tags.size()));
  for (uint16_t tag : tags) {
    auto it =
        std::find_if(weights_.begin(), weights_.end(),
                     [tag](const auto& entry) { return entry.first == tag; });
    if (it == weights_.end()) {
      weights_.emplace_back(tag, each);
    } else {
      it->second += each;
    }
  }
}

float TagMix::Match(std::span<const uint16_t> tags) const {
  if (tags.empty()) return 0;
  float sum = 0;
  for (const auto& [tag, weight] : weights_) {
    if (std::find(tags.begin(), tags.end(), tag) != tags.end()) sum += weight;
  }
  return sum / std::sqrt(static_cast<float>(tags.size()));
}

uint16_t TagMix::Draw(Rng& rng) const {
  float total = 0;
  for (const auto& entry : weights_) total += entry.second;
  float target = static_cast<float>(rng.Uniform()) * total;
  for (const auto& [tag, weight] : weights_) {
    target -= weight;
    if (target < 0) return tag;
  }
  return weights_.back().first;
}

}  // namespace attune::simulate
