#pragma once

#include <bit>
#include <cstdint>

namespace attune {

/// The bits of x in bfloat16, rounded to nearest even. A NaN stays a quiet NaN.
inline uint16_t Bfloat16Bits(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  }
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// x rounded to the nearest bfloat16 (ties to even), as a float.
inline float RoundToBfloat16(float x) {
  return std::bit_cast<float>(static_cast<uint32_t>(Bfloat16Bits(x)) << 16);
}

}  // namespace attune
