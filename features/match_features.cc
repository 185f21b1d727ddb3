#include "features/match_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "features/bounded.h"
#include "features/lane_math.h"

namespace attune::features {
namespace {

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

using FieldSums = MatchScratch::FieldSums;

void AddMatch(int32_t idf, const AttributeMatch& match, FieldSums& sums) {
  const float weight = static_cast<float>(idf);
  sums.last_idf += match.age == 0 ? weight : 0.0f;
  sums.last3_idf += match.age < 3 ? weight : 0.0f;
  sums.short_max = std::max(sums.short_max, match.short_share);
  sums.long_max = std::max(sums.long_max, match.long_share);
  sums.short_sum += weight * match.short_share;
  sums.long_sum += weight * match.long_share;
}

// All within [0, 2]: idf > 0, and no sum of a part is above that of all.
void WriteField(const FieldSums& sums) {
  FloatLanes parts;
  std::memcpy(&parts, &sums.last_idf, sizeof(parts));
  parts = parts / sums.idf;
  // Most shares are small: the root spreads them out. NaN is 0.
  const FloatLanes shares = {sums.short_max, parts[2], sums.long_max, parts[3]};
  const FloatLanes one = FloatLanes{} + 1.0f;
  const FloatLanes bounded = shares < one ? shares : one;
  const FloatLanes roots =
      2.0f * SqrtLanes(shares > 0.0f ? bounded : FloatLanes{});
  sums.out[DenseLayout::kLast] = parts[0];
  sums.out[DenseLayout::kLast3] = parts[1];
  static_assert(DenseLayout::kShortMean == DenseLayout::kShortMax + 1 &&
                DenseLayout::kLongMax == DenseLayout::kShortMax + 2 &&
                DenseLayout::kLongMean == DenseLayout::kShortMax + 3);
  std::memcpy(sums.out + DenseLayout::kShortMax, &roots, sizeof(roots));
}

// Gathers the matches of one item, [begin, end) of the scratch memory, by
// fields. Returns the end of `fields`.
class ItemMatches {
 public:
  ItemMatches(const DenseLayout& layout, const HistoryProfile& profile,
              const MatchScratch& scratch)
      : layout_(layout),
        profile_(profile),
        scratch_(scratch),
        // Actions may weigh nothing.
        has_weight_(profile.short_total() > 0 && profile.long_total() > 0) {}

  FieldSums* Gather(const ItemView& item, size_t begin, size_t end,
                    FieldSums* fields, float* dense) const {
    const std::span<const uint64_t> keys = item.attribute_keys;
    const size_t count = keys.size();
    int matches = 0;
    for (size_t i = begin; i < end;) {
      // Around an attribute that matches, its whole field.
      const size_t place = scratch_.places[i];
      const int field = AttributeField(keys[place]);
      size_t first = place, last = place;
      while (first > 0 && AttributeField(keys[first - 1]) == field) --first;
      while (last < count && AttributeField(keys[last]) == field) ++last;
      int32_t idf = 0;
      for (size_t k = first; k < last; ++k) idf += item.attribute_idf[k];
      FieldSums sums = {};
      sums.idf = static_cast<float>(idf);
      const size_t field_begin = i;
      for (; i < end && scratch_.places[i] < last; ++i) {
        AddMatch(item.attribute_idf[scratch_.places[i]], scratch_.matches[i],
                 sums);
      }
      if (field == kSeriesField && layout_.series_begin >= 0) {
        WriteSeries(item.series_number, scratch_.matches[i - 1].series_number,
                    dense + layout_.series_begin);
      }
      if (!has_weight_ || field >= kMaxMatchFields ||
          !layout_.field_used(field) || !(sums.idf > 0)) {
        continue;
      }
      sums.out = dense + layout_.match_begin[static_cast<size_t>(field)];
      if (field == kTitleField) {
        const float all = sums.idf +
                          static_cast<float>(profile_.last_idf(field)) -
                          sums.last_idf;
        dense[layout_.jaccard] = Bounded(sums.last_idf / all);
      } else {
        matches += static_cast<int>(i - field_begin);
      }
      *fields++ = sums;
    }
    if (matches > 0) dense[layout_.history_match_begin] = HalfLog1p(matches);
    return fields;
  }

 private:
  const DenseLayout& layout_;
  const HistoryProfile& profile_;
  const MatchScratch& scratch_;
  bool has_weight_;
};

// The items' keys that may have a match. Which these are is not to be guessed
// by a processor, so they are found without branches.
size_t ListLikely(std::span<const ItemView* const> items,
                  const PresenceBits& present, const MatchScratch& scratch) {
  size_t count = 0;
  for (size_t item = 0; item < items.size(); ++item) {
    const std::span<const uint64_t> keys = items[item]->attribute_keys;
    for (size_t place = 0; place < keys.size(); ++place) {
      scratch.keys[count] = keys[place];
      scratch.items[count] = static_cast<uint32_t>(item);
      scratch.places[count] = static_cast<uint32_t>(place);
      count += present.Of(keys[place]);
    }
  }
  return count;
}

// Drops those without a match.
size_t KeepFound(size_t likely, const MatchScratch& scratch) {
  size_t count = 0;
  for (size_t i = 0; i < likely; ++i) {
    scratch.matches[count] = scratch.matches[i];
    scratch.items[count] = scratch.items[i];
    scratch.places[count] = scratch.places[i];
    count += scratch.found[i];
  }
  return count;
}

}  // namespace

MatchScratch::MatchScratch(std::byte* memory, size_t count) {
  // By falling alignment.
  const auto take = [&]<typename T>(T*& array) {
    array = reinterpret_cast<T*>(memory);
    memory += count * sizeof(T);
  };
  take(fields);
  take(keys);
  take(matches);
  take(items);
  take(places);
  take(slots);
  take(found);
}

void WriteMatchFeatures(const DenseLayout& layout,
                        std::span<const ItemView* const> items,
                        const HistoryProfile& profile,
                        const MatchScratch& scratch, MatrixView dense) {
  if (profile.size() == 0) return;
  const size_t likely = ListLikely(items, profile.present(), scratch);
  profile.FindMatches({scratch.keys, likely}, scratch.slots, scratch.matches,
                      scratch.found);
  const size_t count = KeepFound(likely, scratch);

  const ItemMatches matches(layout, profile, scratch);
  FieldSums* fields = scratch.fields;
  for (size_t i = 0; i < count;) {
    const uint32_t item = scratch.items[i];
    const size_t begin = i;
    while (i < count && scratch.items[i] == item) ++i;
    fields = matches.Gather(*items[item], begin, i, fields, dense.row(item));
  }
  for (const FieldSums* field = scratch.fields; field < fields; ++field) {
    WriteField(*field);
  }
  for (size_t item = 0; item < items.size(); ++item) {
    const auto* const seen = profile.FindItem(items[item]->item_key);
    if (seen == nullptr) continue;
    float* const history =
        dense.row(static_cast<int64_t>(item)) + layout.history_match_begin;
    history[1] = 1.0f;
    history[2] =
        HistoryProfile::LongDecay(profile.size() - 1 - seen->last_position);
    history[3] = HalfLog1p(seen->count);
  }
}

}  // namespace attune::features
