#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/prefetch.h"
#include "features/presence_bits.h"

namespace attune::features {

/// What a match with one attribute of a history is worth.
struct AttributeMatch {
  float short_share = 0, long_share = 0;  ///< of the events' decayed weights
  int32_t age = 0;            ///< of the newest event with it, 0 = the newest
  int32_t series_number = 0;  ///< largest of the events with it
};

/// The attributes of a finished history, for hundreds of candidates: made once,
/// and small, so that a request reads it from end to end before it asks. In the
/// profile's own tables, of which another user's took the cache's place, each
/// attribute's first look would wait for memory: half of the time of all
/// matches. Keys are well mixed above their low byte. Memory is kept by
/// Clear(). Not thread-safe; const use is.
class MatchTable {
 public:
  /// `keys`: as many as will be inserted, at most.
  void Clear(size_t keys) {
    present_.Clear();
    entries_.clear();
    entries_.reserve(keys);
    places_.assign(std::bit_ceil(2 * keys + 1), kNone);
  }

  /// A key that is not there.
  void Insert(uint64_t key, const AttributeMatch& match) {
    present_.Add(key);
    const size_t mask = places_.size() - 1;
    size_t i = Home(key) & mask;
    while (places_[i] != kNone) i = (i + 1) & mask;
    places_[i] = static_cast<uint32_t>(entries_.size());
    entries_.push_back({key, match});
  }

  const PresenceBits& present() const { return present_; }

  /// Null where absent; without asking present(), which the caller did.
  const AttributeMatch* Find(uint64_t key) const {
    const size_t mask = places_.size() - 1;
    for (size_t i = Home(key) & mask;; i = (i + 1) & mask) {
      if (places_[i] == kNone) return nullptr;
      const Entry& entry = entries_[places_[i]];
      if (entry.key == key) return &entry.match;
    }
  }

  /// Find() of many keys, side by side: places [keys] is scratch memory,
  /// matches [keys] is written where found [keys] becomes 1, else 0.
  void FindAll(std::span<const uint64_t> keys, uint32_t* places,
               AttributeMatch* matches, uint8_t* found) const {
    const size_t mask = places_.size() - 1;
    for (size_t i = 0; i < keys.size(); ++i) {
      places[i] = places_[Home(keys[i]) & mask];
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      // Of two keys one home: the second is hardly ever asked for.
      if (places[i] != kNone && entries_[places[i]].key == keys[i]) {
        matches[i] = entries_[places[i]].match;
        found[i] = 1;
        continue;
      }
      const AttributeMatch* const match = Find(keys[i]);
      if (match != nullptr) matches[i] = *match;
      found[i] = match != nullptr;
    }
  }

  /// Fetches all of it into the cache.
  void Prefetch() const {
    PrefetchRun(&present_, sizeof(present_));
    PrefetchRun(places_.data(), sizeof(uint32_t) * places_.size());
    PrefetchRun(entries_.data(), sizeof(Entry) * entries_.size());
  }

  size_t size_bytes() const {
    return sizeof(uint32_t) * places_.capacity() +
           sizeof(Entry) * entries_.capacity();
  }

 private:
  struct Entry {
    uint64_t key = 0;
    AttributeMatch match;
  };
  static constexpr uint32_t kNone = ~uint32_t{0};

  static size_t Home(uint64_t key) { return key >> 8; }

  PresenceBits present_;
  std::vector<uint32_t> places_ = std::vector<uint32_t>(1, kNone);
  std::vector<Entry> entries_;
};

}  // namespace attune::features
