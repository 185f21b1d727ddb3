#include "features/history_profile.h"

#include <algorithm>
#include <cmath>

namespace attune::features {
namespace {

constexpr int kTableSize = HistoryProfile::kDecayTableSize;

struct DecayTable {
  explicit DecayTable(double half_life) {
    for (int age = 0; age < kTableSize; ++age) {
      factors[age] = static_cast<float>(std::exp2(-age / half_life));
    }
  }
  float operator()(int32_t age) const {
    // Beyond the table even the long weight is below 1e-6.
    return age < kTableSize ? factors[age] : 0.0f;
  }
  float factors[kTableSize] = {};
};

const DecayTable& ShortTable() {
  static const DecayTable table(HistoryProfile::kShortHalfLife);
  return table;
}

const DecayTable& LongTable() {
  static const DecayTable table(HistoryProfile::kLongHalfLife);
  return table;
}

}  // namespace

float HistoryProfile::ShortDecay(int32_t age) { return ShortTable()(age); }
float HistoryProfile::LongDecay(int32_t age) { return LongTable()(age); }

AttributeMatch HistoryProfile::MatchOf(const AttributeStat& stat) const {
  AttributeMatch match;
  match.age = size_ - 1 - stat.last_position;
  match.series_number = stat.series_number;
  // Actions may weigh nothing.
  if (!(short_total_ > 0 && long_total_ > 0)) return match;
  match.short_share = stat.short_weight * ShortDecay(match.age) / short_total_;
  match.long_share = stat.long_weight * LongDecay(match.age) / long_total_;
  return match;
}

void HistoryProfile::Finish() {
  if (finished_) return;
  matches_.Clear(attributes_.size());
  attributes_.ForEach([this](uint64_t key, const AttributeStat& stat) {
    matches_.Insert(key, MatchOf(stat));
  });
  finished_ = true;
}

void HistoryProfile::FindMatches(std::span<const uint64_t> keys,
                                 uint32_t* places, AttributeMatch* matches,
                                 uint8_t* found) const {
  if (finished_) return matches_.FindAll(keys, places, matches, found);
  for (const uint64_t key : keys) attributes_.Prefetch(key);
  for (size_t i = 0; i < keys.size(); ++i) {
    const AttributeStat* const stat = attributes_.Find(keys[i]);
    found[i] = stat != nullptr;
    if (stat != nullptr) matches[i] = MatchOf(*stat);
  }
}

void HistoryProfile::Clear() {
  attributes_.Clear();
  seen_.Clear();
  last_idf_.fill(0);
  std::fill(numeric_sums_.begin(), numeric_sums_.end(), 0.0f);
  last_numeric_.clear();
  size_ = 0;
  history_count_ = 0;
  short_total_ = long_total_ = 0;
  has_last_time_ = false;
  last_time_ms_ = 0;
  finished_ = false;
}

void HistoryProfile::Add(const ItemView& item, float weight, int64_t time_ms,
                         bool has_time) {
  const DecayTable& short_decay = ShortTable();
  const DecayTable& long_decay = LongTable();
  finished_ = false;
  for (const uint64_t key : item.attribute_keys) attributes_.Prefetch(key);
  const int32_t position = size_++;
  short_total_ = short_total_ * short_decay(1) + weight;
  long_total_ = long_total_ * long_decay(1) + weight;
  has_last_time_ = has_time;
  last_time_ms_ = has_time ? time_ms : 0;

  SeenItem& seen = seen_.FindOrInsert(item.item_key);
  seen.last_position = position;
  ++seen.count;

  last_idf_.fill(0);
  for (size_t i = 0; i < item.attribute_keys.size(); ++i) {
    const uint64_t key = item.attribute_keys[i];
    const int field = AttributeField(key);
    if (field < kMaxMatchFields) last_idf_[field] += item.attribute_idf[i];
    AttributeStat& stat = attributes_.FindOrInsert(key);
    const int32_t age =
        stat.last_position < 0 ? 0 : position - stat.last_position;
    stat.short_weight = stat.short_weight * short_decay(age) + weight;
    stat.long_weight = stat.long_weight * long_decay(age) + weight;
    stat.last_position = position;
    ++stat.count;
    stat.series_number = std::max(stat.series_number, item.series_number);
  }

  last_numeric_.assign(item.numeric.begin(), item.numeric.end());
  if (numeric_sums_.size() < item.numeric.size()) {
    numeric_sums_.resize(item.numeric.size(), 0.0f);
  }
  const float keep = long_decay(1);
  for (float& sum : numeric_sums_) sum *= keep;
  // [value, missing flag] pairs become [sum of values, sum of weights].
  for (size_t i = 0; i + 1 < item.numeric.size(); i += 2) {
    if (item.numeric[i + 1] != 0) continue;
    numeric_sums_[i] += weight * item.numeric[i];
    numeric_sums_[i + 1] += weight;
  }
}

}  // namespace attune::features
