#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "features/presence_bits.h"

namespace attune::features {

/// Open-addressing map from well-mixed 64-bit keys to small values: linear
/// probing, no erase, memory kept by Clear(). Against absl::flat_hash_map it
/// saves hashing the hash and the control bytes' cache line. Most lookups find
/// nothing: bits answer those.
template <typename Value>
class KeyTable {
 public:
  KeyTable() { Rehash(64); }

  /// O(1): slots carry the generation in which they were written.
  void Clear() {
    present_.Clear();
    ++generation_;
    size_ = 0;
    if (generation_ == 0) {  // wrapped: old slots could look new
      slots_.assign(slots_.size(), Slot{});
      generation_ = 1;
    }
  }

  size_t size() const { return size_; }
  const PresenceBits& present() const { return present_; }

  /// Null where absent. Valid until the next FindOrInsert.
  const Value* Find(uint64_t key) const {
    if (!present_.MayHave(key)) return nullptr;
    for (size_t i = Home(key);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.generation != generation_) return nullptr;
      if (slot.key == key) return &slot.value;
    }
  }

  /// Fetches where the key is, or would be.
  void Prefetch(uint64_t key) const { __builtin_prefetch(&slots_[Home(key)]); }

  /// Calls fn(key, value) for each, in no particular order.
  template <typename Function>
  void ForEach(Function fn) const {
    for (const Slot& slot : slots_) {
      if (slot.generation == generation_) fn(slot.key, slot.value);
    }
  }

  /// The value, default-constructed where it was absent.
  Value& FindOrInsert(uint64_t key) {
    if ((size_ + 1) * 2 > slots_.size()) Rehash(slots_.size() * 2);
    present_.Add(key);
    for (size_t i = Home(key);; i = (i + 1) & mask_) {
      Slot& slot = slots_[i];
      if (slot.generation != generation_) {
        slot = Slot{key, generation_, Value{}};
        ++size_;
        return slot.value;
      }
      if (slot.key == key) return slot.value;
    }
  }

 private:
  struct Slot {
    uint64_t key = 0;
    uint32_t generation = 0;
    Value value{};
  };

  // Attribute keys hold their field in the low byte, so the home is taken from
  // above it.
  size_t Home(uint64_t key) const { return (key >> 8) & mask_; }

  void Rehash(size_t slots) {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(slots, Slot{});
    mask_ = slots - 1;
    for (const Slot& slot : old) {
      if (slot.generation != generation_) continue;
      size_t i = Home(slot.key);
      while (slots_[i].generation == generation_) i = (i + 1) & mask_;
      slots_[i] = slot;
    }
  }

  PresenceBits present_;
  std::vector<Slot> slots_;
  size_t mask_ = 0;
  size_t size_ = 0;
  uint32_t generation_ = 1;
};

}  // namespace attune::features
