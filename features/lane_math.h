#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#ifdef __SSE__
#include <xmmintrin.h>
#endif

namespace attune::features {

// Logarithms and powers of two of four values at a time: popularity takes up
// to twelve logarithms per candidate, which libm's one by one made the largest
// part of the dense features. The same operations in the same order on every
// machine, so that training, serving and every build without contraction agree
// to the bit.

using FloatLanes __attribute__((vector_size(16))) = float;
using IntLanes __attribute__((vector_size(16))) = int32_t;

/// Natural logarithm of positive, finite, normal values; error below 2e-7
/// absolutely or relatively. Others give some finite number. After Cephes' logf
/// (Moshier): x = 2^e * m with m in [sqrt(1/2), sqrt(2)), a polynomial in m
/// - 1.
inline FloatLanes LogLanes(FloatLanes x) {
  const IntLanes bits = std::bit_cast<IntLanes>(x);
  // The mantissa above sqrt(1/2), whose bits are subtracted before the
  // exponent is taken.
  const IntLanes shifted = bits - 0x3f3504f3;
  const IntLanes exponent = shifted >> 23;
  const FloatLanes m =
      std::bit_cast<FloatLanes>((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const FloatLanes e = __builtin_convertvector(exponent, FloatLanes);
  const FloatLanes z = m * m;
  FloatLanes p = m * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  FloatLanes y = p * m * z;
  // ln 2 in two parts, of which the larger has no rounding in a product with e.
  y = y + e * -2.12194440e-4f;
  y = y - z * 0.5f;
  return m + y + e * 0.693359375f;
}

/// 2^x for x <= 0, 0 below -126; relative error below 2e-7. After Cephes'
/// exp2f.
inline FloatLanes Exp2Lanes(FloatLanes x) {
  const IntLanes tiny = x < -126.0f;
  const FloatLanes bounded = tiny ? FloatLanes{} - 126.0f : x;
  // Rounded to the nearest integer: values are within 2^22.
  const FloatLanes magic = FloatLanes{} + 12582912.0f;
  const FloatLanes n = (bounded + magic) - magic;
  const FloatLanes f = bounded - n;
  FloatLanes p = f * 1.535336188319500e-4f + 1.339887440266574e-3f;
  p = p * f + 9.618437357674640e-3f;
  p = p * f + 5.550332471162809e-2f;
  p = p * f + 2.402264791363012e-1f;
  p = p * f + 6.931472028550421e-1f;
  p = p * f + 1.0f;
  const IntLanes power = (__builtin_convertvector(n, IntLanes) + 127) << 23;
  const FloatLanes result = p * std::bit_cast<FloatLanes>(power);
  return tiny ? FloatLanes{} : result;
}

/// Square roots of values >= 0, as std::sqrt gives them.
inline FloatLanes SqrtLanes(FloatLanes x) {
#ifdef __SSE__
  return _mm_sqrt_ps(x);
#else
  return FloatLanes{std::sqrt(x[0]), std::sqrt(x[1]), std::sqrt(x[2]),
                    std::sqrt(x[3])};
#endif
}

}  // namespace attune::features
