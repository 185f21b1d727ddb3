#include "features/match_features.h"

#include <algorithm>
#include <cmath>

#include "features/bounded.h"

namespace attune::features {
namespace {

// Most shares are small: the root spreads them out. In [0, 2].
float Share(float share) {
  return share > 0 ? 2.0f * std::sqrt(std::min(share, 1.0f)) : 0.0f;
}

// What one field's values gather, weighted by idf.
struct FieldSums {
  float idf = 0, last_idf = 0, last3_idf = 0;
  float short_max = 0, short_sum = 0, long_max = 0, long_sum = 0;
  int matches = 0;

  void Add(float weight, const HistoryProfile::AttributeStat& stat,
           const HistoryProfile::Decays& decays,
           const HistoryProfile& profile) {
    const int32_t age = profile.size() - 1 - stat.last_position;
    const bool old = age >= HistoryProfile::kDecayTableSize;
    const float short_share = stat.short_weight *
                              (old ? 0.0f : decays.short_decay[age]) /
                              profile.short_total();
    const float long_share = stat.long_weight *
                             (old ? 0.0f : decays.long_decay[age]) /
                             profile.long_total();
    if (age == 0) last_idf += weight;
    if (age < 3) last3_idf += weight;
    short_max = std::max(short_max, short_share);
    long_max = std::max(long_max, long_share);
    short_sum += weight * short_share;
    long_sum += weight * long_share;
    ++matches;
  }

  void Write(float* out) const {
    out[DenseLayout::kLast] = Bounded(last_idf / idf);
    out[DenseLayout::kLast3] = Bounded(last3_idf / idf);
    out[DenseLayout::kShortMax] = Bounded(Share(short_max));
    out[DenseLayout::kShortMean] = Bounded(Share(short_sum / idf));
    out[DenseLayout::kLongMax] = Bounded(Share(long_max));
    out[DenseLayout::kLongMean] = Bounded(Share(long_sum / idf));
  }
};

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
  const HistoryProfile::Decays decays = HistoryProfile::DecayTables();
  int matches = 0;
  const size_t count = item.attribute_keys.size();
  for (size_t i = 0; i < count;) {
    const int field = AttributeField(item.attribute_keys[i]);
    FieldSums sums;
    for (; i < count && AttributeField(item.attribute_keys[i]) == field; ++i) {
      const float weight = static_cast<float>(item.attribute_idf[i]);
      sums.idf += weight;
      const auto* stat = profile.FindAttribute(item.attribute_keys[i]);
      if (stat == nullptr) continue;
      if (field == kSeriesField && layout.series_begin >= 0) {
        WriteSeries(item.series_number, stat->series_number,
                    dense + layout.series_begin);
      }
      if (has_weight) sums.Add(weight, *stat, decays, profile);
    }
    if (field >= kMaxMatchFields || !layout.field_used(field) ||
        sums.matches == 0 || !(sums.idf > 0)) {
      continue;
    }
    sums.Write(dense + layout.match_begin[static_cast<size_t>(field)]);
    if (field == kTitleField) {
      const float all = sums.idf + static_cast<float>(profile.last_idf(field)) -
                        sums.last_idf;
      dense[layout.jaccard] = Bounded(sums.last_idf / all);
    } else {
      matches += sums.matches;
    }
  }
  float* history = dense + layout.history_match_begin;
  if (matches > 0) {
    history[0] = Bounded(0.5f * std::log1p(static_cast<float>(matches)));
  }
  if (const auto* seen = profile.FindItem(item.item_key)) {
    history[1] = 1.0f;
    history[2] =
        HistoryProfile::LongDecay(profile.size() - 1 - seen->last_position);
    history[3] = Bounded(0.5f * std::log1p(static_cast<float>(seen->count)));
  }
}

}  // namespace attune::features
