#pragma once

#include <cmath>
#include <cstdint>

namespace attune {

/// xoshiro256++ (Blackman and Vigna 2019) seeded by splitmix64: the same
/// numbers on every platform and library version, unlike std distributions.
/// Not thread-safe; Fork() gives an independent stream for another shard.
class Rng {
 public:
  explicit Rng(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15ULL;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }

  uint64_t Next() {
    const uint64_t result = Rotate(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound); bound > 0. Multiply-shift (Lemire 2019), whose bias
  /// below 2^-32 does not matter here.
  uint64_t Below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }

  /// Uniform in [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  bool Bernoulli(double probability) { return Uniform() < probability; }

  /// Standard normal (Box and Muller 1958).
  double Normal() {
    double u = 1.0 - Uniform();  // (0, 1]
    return std::sqrt(-2.0 * std::log(u)) *
           std::cos(6.283185307179586 * Uniform());
  }

  Rng Fork() { return Rng(Next()); }

 private:
  static uint64_t Rotate(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
  }
  uint64_t state_[4] = {};
};

}  // namespace attune
