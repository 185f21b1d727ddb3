#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "features/item_view.h"
#include "features/key_table.h"
#include "features/match_table.h"

namespace attune::features {

/// What a history says about attributes, kept up event by event: the source of
/// the cross features. Add costs O(attributes of the item), a lookup O(1);
/// after Clear() memory is reused. Serving builds one per request from the
/// newest Pipeline::profile_events() events, oldest first; training does the
/// same for every position, so both see the same numbers. Not thread-safe;
/// const use is.
class HistoryProfile {
 public:
  /// Half-lives of the decayed weights, in events.
  static constexpr double kShortHalfLife = 5;
  static constexpr double kLongHalfLife = 25;

  struct AttributeStat {
    float short_weight = 0, long_weight = 0;  // as of last_position
    int32_t last_position = -1;
    int32_t count = 0;
    int32_t series_number = 0;  // largest of the events with this attribute
  };
  struct SeenItem {
    int32_t last_position = -1;
    int32_t count = 0;
  };

  void Clear();

  /// The next event, newest so far. `weight` is the action's (ActionPolicy);
  /// an item without a record is an ItemFeatures with only item_key set.
  void Add(const ItemView& item, float weight, int64_t time_ms, bool has_time);

  /// Works out what every attribute's match is worth, which many candidates
  /// then need not: the same numbers either way. Until the next Add or Clear.
  void Finish();
  /// Before the matches of many candidates: fetches what Finish() made.
  void Prefetch() const {
    if (finished_) matches_.Prefetch();
  }

  /// Events ever taken, where more than those added (v1::History::count).
  void set_history_count(int64_t count) { history_count_ = count; }

  /// Number of events added.
  int32_t size() const { return size_; }
  int64_t history_count() const {
    return history_count_ > size_ ? history_count_ : size_;
  }
  bool has_last_time() const { return has_last_time_; }
  int64_t last_time_ms() const { return last_time_ms_; }

  bool Seen(uint64_t item_key) const { return seen_.Find(item_key) != nullptr; }
  const SeenItem* FindItem(uint64_t item_key) const {
    return seen_.Find(item_key);
  }
  const AttributeStat* FindAttribute(uint64_t key) const {
    return attributes_.Find(key);
  }
  /// Attributes that may have a match.
  const PresenceBits& present() const {
    return finished_ ? matches_.present() : attributes_.present();
  }
  /// What matches with these attributes are worth, of which present() knows:
  /// found[i] is 0 where no event has keys[i], else matches[i] is written.
  /// places [keys] is scratch memory.
  void FindMatches(std::span<const uint64_t> keys, uint32_t* places,
                   AttributeMatch* matches, uint8_t* found) const;
  /// Decayed sums of event weights as of the newest event.
  float short_total() const { return short_total_; }
  float long_total() const { return long_total_; }
  /// 2^-(age / half-life); age in events, >= 0.
  static float ShortDecay(int32_t age);
  static float LongDecay(int32_t age);
  /// They are 0 from this age on.
  static constexpr int32_t kDecayTableSize = 512;

  /// Sum of idf (1/16) of the newest item's attributes, per match field.
  int32_t last_idf(int field) const { return last_idf_[field]; }
  /// Decayed (long) weighted sums of the items' numeric columns, [value,
  /// weight] pairs for each numeric column; empty before the first event with
  /// numbers.
  const std::vector<float>& numeric_sums() const { return numeric_sums_; }
  /// ItemFeatures::numeric of the newest event.
  const std::vector<float>& last_numeric() const { return last_numeric_; }

 private:
  AttributeMatch MatchOf(const AttributeStat& stat) const;

  KeyTable<AttributeStat> attributes_;
  KeyTable<SeenItem> seen_;
  std::array<int32_t, kMaxMatchFields> last_idf_{};
  std::vector<float> numeric_sums_;
  std::vector<float> last_numeric_;
  int32_t size_ = 0;
  int64_t history_count_ = 0;
  float short_total_ = 0, long_total_ = 0;
  bool has_last_time_ = false;
  int64_t last_time_ms_ = 0;
  bool finished_ = false;
  MatchTable matches_;  // where finished
};

}  // namespace attune::features
