#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace attune::features {

/// Which of some well-mixed 64-bit keys are surely not there: two kilobytes
/// that stay in the innermost cache, where a table itself would not. Of 16,384
/// bits, a thousand keys, as of 100 events, let one of 16 others pass.
class PresenceBits {
 public:
  void Clear() { words_.fill(0); }
  void Add(uint64_t key) { words_[Word(key)] |= uint64_t{1} << Bit(key); }
  bool MayHave(uint64_t key) const { return Of(key) != 0; }
  /// MayHave() as 0 or 1, for code without branches.
  uint64_t Of(uint64_t key) const { return words_[Word(key)] >> Bit(key) & 1; }

 private:
  static constexpr size_t kWords = 256;
  static size_t Word(uint64_t key) { return (key >> 46) % kWords; }
  static int Bit(uint64_t key) { return static_cast<int>((key >> 40) & 63); }

  std::array<uint64_t, kWords> words_{};
};

}  // namespace attune::features
