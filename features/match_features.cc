#include "features/match_features.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>

#include "features/bounded.h"

namespace attune::features {
namespace {

// Most shares are small: the root spreads them out. In [0, 2].
float Share(float share) {
  return share > 0 ? 2.0f * std::sqrt(std::min(share, 1.0f)) : 0.0f;
}

// What one field's values gather, weighted by idf.
struct FieldSums {
  float idf = 0;
  int32_t last_idf = 0, last3_idf = 0;  // whole numbers: exact
  float short_max = 0, short_sum = 0, long_max = 0, long_sum = 0;

  void Add(int32_t weight, const AttributeMatch& match) {
    last_idf += match.age == 0 ? weight : 0;
    last3_idf += match.age < 3 ? weight : 0;
    short_max = std::max(short_max, match.short_share);
    long_max = std::max(long_max, match.long_share);
    short_sum += static_cast<float>(weight) * match.short_share;
    long_sum += static_cast<float>(weight) * match.long_share;
  }

  // All within [0, 2]: idf > 0, and no sum of a part is above that of all.
  void Write(float* out) const {
    out[DenseLayout::kLast] = static_cast<float>(last_idf) / idf;
    out[DenseLayout::kLast3] = static_cast<float>(last3_idf) / idf;
    out[DenseLayout::kShortMax] = Share(short_max);
    out[DenseLayout::kShortMean] = Share(short_sum / idf);
    out[DenseLayout::kLongMax] = Share(long_max);
    out[DenseLayout::kLongMean] = Share(long_sum / idf);
  }
};

// Places of the keys that may have a match, in their order. Which these are is
// not to be guessed by a processor, so they are found without branches.
class LikelyMatches {
 public:
  LikelyMatches(const PresenceBits& present, std::span<const uint64_t> keys)
      : present_(present), keys_(keys) {}

  // The first from `from` on; keys.size() where there is none.
  size_t Next(size_t from) {
    while (from < keys_.size()) {
      const size_t block = from / kBlock;
      if (block != block_) Look(block);
      const uint64_t rest = bits_ >> (from % kBlock);
      if (rest != 0) return from + static_cast<size_t>(std::countr_zero(rest));
      from = (block + 1) * kBlock;
    }
    return keys_.size();
  }

 private:
  static constexpr size_t kBlock = 64;

  void Look(size_t block) {
    block_ = block;
    bits_ = 0;
    const auto keys = keys_.subspan(
        block * kBlock, std::min(kBlock, keys_.size() - block * kBlock));
    for (size_t i = 0; i < keys.size(); ++i) {
      bits_ |= present_.Of(keys[i]) << i;
    }
  }

  const PresenceBits& present_;
  std::span<const uint64_t> keys_;
  size_t block_ = ~size_t{0};
  uint64_t bits_ = 0;
};

// Half the logarithm of one more than a small count, each worked out once.
float HalfLog1p(int32_t count) {
  constexpr int32_t kSize = 64;
  const auto half_log = [](int32_t n) {
    return Bounded(0.5f * std::log1p(static_cast<float>(n)));
  };
  static const std::array<float, kSize> table = [&] {
    std::array<float, kSize> values = {};
    for (int32_t n = 0; n < kSize; ++n) {
      values[static_cast<size_t>(n)] = half_log(n);
    }
    return values;
  }();
  return count >= 0 && count < kSize ? table[static_cast<size_t>(count)]
                                     : half_log(count);
}

// An unnumbered volume counts as the first: "Toy Story", "Toy Story 2".
void WriteSeries(int32_t candidate, int32_t read, float* out) {
  const int32_t number = std::max(candidate, 1);
  const int32_t latest = std::max(read, 1);
  out[0] = number == latest + 1 ? 1.0f : 0.0f;
  out[1] = number > latest + 1 ? 1.0f : 0.0f;
  out[2] = number <= latest ? 1.0f : 0.0f;
}

}  // namespace

void WriteMatchFeatures(const DenseLayout& layout, const ItemView& item,
                        const HistoryProfile& profile, float* dense) {
  if (profile.size() == 0) return;
  // Actions may weigh nothing.
  const bool has_weight = profile.short_total() > 0 && profile.long_total() > 0;
  int matches = 0;
  const std::span<const uint64_t> keys = item.attribute_keys;
  const size_t count = keys.size();
  LikelyMatches likely(profile.present(), keys);
  for (size_t i = likely.Next(0); i < count;) {
    AttributeMatch match;
    if (!profile.FindMatch(keys[i], &match)) {
      i = likely.Next(i + 1);
      continue;
    }
    // Around an attribute that matches, its whole field.
    const int field = AttributeField(keys[i]);
    size_t begin = i, end = i;
    while (begin > 0 && AttributeField(keys[begin - 1]) == field) --begin;
    while (end < count && AttributeField(keys[end]) == field) ++end;
    int32_t idf = 0;
    for (size_t k = begin; k < end; ++k) idf += item.attribute_idf[k];
    FieldSums sums;
    sums.idf = static_cast<float>(idf);
    int field_matches = 0;
    for (bool found = true;;) {
      if (found && field == kSeriesField && layout.series_begin >= 0) {
        WriteSeries(item.series_number, match.series_number,
                    dense + layout.series_begin);
      }
      if (found && has_weight) {
        sums.Add(item.attribute_idf[i], match);
        ++field_matches;
      }
      i = likely.Next(i + 1);
      if (i >= end) break;
      found = profile.FindMatch(keys[i], &match);
    }
    if (field >= kMaxMatchFields || !layout.field_used(field) ||
        field_matches == 0 || !(sums.idf > 0)) {
      continue;
    }
    sums.Write(dense + layout.match_begin[static_cast<size_t>(field)]);
    if (field == kTitleField) {
      const float last_idf = static_cast<float>(sums.last_idf);
      const float all =
          sums.idf + static_cast<float>(profile.last_idf(field)) - last_idf;
      dense[layout.jaccard] = Bounded(last_idf / all);
    } else {
      matches += field_matches;
    }
  }
  float* history = dense + layout.history_match_begin;
  if (matches > 0) {
    history[0] = HalfLog1p(matches);
  }
  if (const auto* seen = profile.FindItem(item.item_key)) {
    history[1] = 1.0f;
    history[2] =
        HistoryProfile::LongDecay(profile.size() - 1 - seen->last_position);
    history[3] = HalfLog1p(seen->count);
  }
}

}  // namespace attune::features
