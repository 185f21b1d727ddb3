// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_TRANSPOSE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_TRANSPOSE_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_TRANSPOSE_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_TRANSPOSE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3
// Rows r, r + 4, r + 8, r + 12 of four columns, one in each 128-bit block.
HWY_INLINE __m512 LoadEveryFourthRow(const float* from, int64_t stride) {
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(from));
  v = _mm512_insertf32x4(v, _mm_loadu_ps(from + 4 * stride), 1);
  v = _mm512_insertf32x4(v, _mm_loadu_ps(from + 8 * stride), 2);
  return _mm512_insertf32x4(v, _mm_loadu_ps(from + 12 * stride), 3);
}

// 16 rows x 4 columns to 4 x 16. The shuffles work within blocks, so that these
// hold four transposed 4 x 4 matrices, in order, at the end.
HWY_INLINE void Transpose16x4(const float* from, int64_t from_stride, float* to,
                              int64_t to_stride) {
  const __m512 r0 = LoadEveryFourthRow(from, from_stride);
  const __m512 r1 = LoadEveryFourthRow(from + from_stride, from_stride);
  const __m512 r2 = LoadEveryFourthRow(from + 2 * from_stride, from_stride);
  const __m512 r3 = LoadEveryFourthRow(from + 3 * from_stride, from_stride);
  const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1));
  const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3));
  const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
  const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));
  const auto store = [&](int64_t column, __m512d v) HWY_ATTR {
    _mm512_storeu_ps(to + column * to_stride, _mm512_castpd_ps(v));
  };
  store(0, _mm512_unpacklo_pd(low01, low23));
  store(1, _mm512_unpackhi_pd(low01, low23));
  store(2, _mm512_unpacklo_pd(high01, high23));
  store(3, _mm512_unpackhi_pd(high01, high23));
}
#endif

/// to[c * to_stride + r] = from[r * from_stride + c] for r < rows, c < cols. By
/// blocks of 4 x 4 in registers, which all targets but the scalar one have.
HWY_INLINE void Transpose(const float* HWY_RESTRICT from, int64_t from_stride,
                          int64_t rows, int64_t cols, float* HWY_RESTRICT to,
                          int64_t to_stride) {
  int64_t r = 0;
#if HWY_TARGET == HWY_AVX3
  for (; r + 16 <= rows; r += 16) {
    const float* in = from + r * from_stride;
    int64_t c = 0;
    for (; c + 4 <= cols; c += 4) {
      Transpose16x4(in + c, from_stride, to + c * to_stride + r, to_stride);
    }
    for (; c < cols; ++c) {
      for (int i = 0; i < 16; ++i) {
        to[c * to_stride + r + i] = in[i * from_stride + c];
      }
    }
  }
#endif
#if HWY_TARGET != HWY_SCALAR
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, 4> d4;
  const hn::RepartitionToWide<decltype(d4)> d2;
  for (; r + 4 <= rows; r += 4) {
    const float* in = from + r * from_stride;
    int64_t c = 0;
    for (; c + 4 <= cols; c += 4) {
      const auto r0 = hn::LoadU(d4, in + c);
      const auto r1 = hn::LoadU(d4, in + from_stride + c);
      const auto r2 = hn::LoadU(d4, in + 2 * from_stride + c);
      const auto r3 = hn::LoadU(d4, in + 3 * from_stride + c);
      const auto low01 = hn::BitCast(d2, hn::InterleaveLower(d4, r0, r1));
      const auto low23 = hn::BitCast(d2, hn::InterleaveLower(d4, r2, r3));
      const auto high01 = hn::BitCast(d2, hn::InterleaveUpper(d4, r0, r1));
      const auto high23 = hn::BitCast(d2, hn::InterleaveUpper(d4, r2, r3));
      float* out = to + c * to_stride + r;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, low01, low23)), d4,
                 out);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, low01, low23)), d4,
                 out + to_stride);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, high01, high23)), d4,
                 out + 2 * to_stride);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, high01, high23)), d4,
                 out + 3 * to_stride);
    }
    for (; c < cols; ++c) {
      for (int i = 0; i < 4; ++i) {
        to[c * to_stride + r + i] = in[i * from_stride + c];
      }
    }
  }
#endif
  for (; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      to[c * to_stride + r] = from[r * from_stride + c];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
