#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune::features {

/// Open-addressing map from well-mixed 64-bit keys to small values: linear
/// probing, no erase, memory kept by Clear(). Against absl::flat_hash_map it
/// saves hashing the hash and the control bytes' cache line. Most lookups find
/// nothing: a bitmap that stays in the innermost cache answers those, where the
/// slots themselves would not.
template <typename Value>
class KeyTable {
 public:
  KeyTable() { Rehash(64); }

  /// O(1): slots carry the generation in which they were written.
  void Clear() {
    present_.fill(0);
    ++generation_;
    size_ = 0;
    if (generation_ == 0) {  // wrapped: old slots could look new
      slots_.assign(slots_.size(), Slot{});
      generation_ = 1;
    }
  }

  size_t size() const { return size_; }

  /// Null where absent. Valid until the next FindOrInsert.
  const Value* Find(uint64_t key) const {
    if ((present_[PresentWord(key)] & PresentBit(key)) == 0) return nullptr;
    for (size_t i = Home(key);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.generation != generation_) return nullptr;
      if (slot.key == key) return &slot.value;
    }
  }

  /// The value, default-constructed where it was absent.
  Value& FindOrInsert(uint64_t key) {
    if ((size_ + 1) * 2 > slots_.size()) Rehash(slots_.size() * 2);
    present_[PresentWord(key)] |= PresentBit(key);
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

  // 16,384 bits: a thousand keys, as of 100 events, let one of 16 others pass.
  static constexpr size_t kPresentWords = 256;
  static size_t PresentWord(uint64_t key) {
    return (key >> 46) % kPresentWords;
  }
  static uint64_t PresentBit(uint64_t key) {
    return uint64_t{1} << ((key >> 40) & 63);
  }

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

  std::array<uint64_t, kPresentWords> present_{};
  std::vector<Slot> slots_;
  size_t mask_ = 0;
  size_t size_ = 0;
  uint32_t generation_ = 1;
};

}  // namespace attune::features
