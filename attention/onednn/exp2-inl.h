// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_EXP2_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_EXP2_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_EXP2_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_EXP2_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3
// x - floor(x), and x * 2^floor(exponent), of each length of vector.
HWY_INLINE hwy::HWY_NAMESPACE::Vec512<float> Fraction(
    hwy::HWY_NAMESPACE::Vec512<float> x) {
  return {_mm512_reduce_ps(x.raw, _MM_FROUND_TO_NEG_INF)};
}
HWY_INLINE hwy::HWY_NAMESPACE::Vec256<float> Fraction(
    hwy::HWY_NAMESPACE::Vec256<float> x) {
  return {_mm256_reduce_ps(x.raw, _MM_FROUND_TO_NEG_INF)};
}
template <size_t kLanes>
HWY_INLINE hwy::HWY_NAMESPACE::Vec128<float, kLanes> Fraction(
    hwy::HWY_NAMESPACE::Vec128<float, kLanes> x) {
  return {_mm_reduce_ps(x.raw, _MM_FROUND_TO_NEG_INF)};
}
HWY_INLINE hwy::HWY_NAMESPACE::Vec512<float> Scaled(
    hwy::HWY_NAMESPACE::Vec512<float> x,
    hwy::HWY_NAMESPACE::Vec512<float> exponent) {
  return {_mm512_scalef_ps(x.raw, exponent.raw)};
}
HWY_INLINE hwy::HWY_NAMESPACE::Vec256<float> Scaled(
    hwy::HWY_NAMESPACE::Vec256<float> x,
    hwy::HWY_NAMESPACE::Vec256<float> exponent) {
  return {_mm256_scalef_ps(x.raw, exponent.raw)};
}
template <size_t kLanes>
HWY_INLINE hwy::HWY_NAMESPACE::Vec128<float, kLanes> Scaled(
    hwy::HWY_NAMESPACE::Vec128<float, kLanes> x,
    hwy::HWY_NAMESPACE::Vec128<float, kLanes> exponent) {
  return {_mm_scalef_ps(x.raw, exponent.raw)};
}
#endif

/// 2^x for x <= 127; anything below -100 gives 2^-100, which is nothing beside
/// the 1 of a softmax, and not so small that its products become denormal (slow
/// on many machines; the host's FTZ mode is not ours to set). Relative error at
/// most 1.6e-7; exactly 1 at 0, which the rescaling of an online softmax relies
/// on. 11 instructions against 27 of hwy's Exp, 8 on AVX-512 (1.37 against 1.75
/// ns per vector in a softmax on Zen 5).
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V FastExp2(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V clamped = hn::Max(x, hn::Set(d, -100.0f));
#if HWY_TARGET == HWY_AVX3
  // The polynomial is made as the one below, of 2^f on [0, 1].
  const V f = Fraction(clamped);
  V q = hn::Set(d, 0x1.e97506p-10f);
  q = hn::MulAdd(q, f, hn::Set(d, 0x1.277852p-7f));
  q = hn::MulAdd(q, f, hn::Set(d, 0x1.c91ce6p-5f));
  q = hn::MulAdd(q, f, hn::Set(d, 0x1.ebdb56p-3f));
  q = hn::MulAdd(q, f, hn::Set(d, 0x1.62e4bap-1f));
  q = hn::MulAdd(q, f, hn::Set(d, 1.0f));
  return Scaled(q, clamped);
#else
  const hn::RebindToSigned<D> di;
  // Adding 1.5 * 2^23 leaves the nearest integer in the low mantissa bits.
  const V magic = hn::Set(d, 12582912.0f);
  const V shifted = hn::Add(clamped, magic);
  const V fraction = hn::Sub(clamped, hn::Sub(shifted, magic));
  // Minimax polynomial of 2^f on [-1/2, 1/2] with the constant term held at 1
  // (iteratively reweighted least squares, then rounded to float).
  V p = hn::Set(d, 0x1.5bba14p-10f);
  p = hn::MulAdd(p, fraction, hn::Set(d, 0x1.3cea88p-7f));
  p = hn::MulAdd(p, fraction, hn::Set(d, 0x1.c6b752p-5f));
  p = hn::MulAdd(p, fraction, hn::Set(d, 0x1.ebf9bcp-3f));
  p = hn::MulAdd(p, fraction, hn::Set(d, 0x1.62e42ap-1f));
  p = hn::MulAdd(p, fraction, hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
#endif
}

/// 2^x to a relative error of 9e-5, for what is rounded to bfloat16 (4e-3)
/// anyway. Below -126 it becomes denormal and then 0, both of which bfloat16
/// products take as 0. Exactly 1 at 0.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V CoarseExp2(D d, V x) {
#if HWY_TARGET == HWY_AVX3
  namespace hn = hwy::HWY_NAMESPACE;
  const V f = Fraction(x);
  V q = hn::Set(d, 0x1.3baab2p-4f);
  q = hn::MulAdd(q, f, hn::Set(d, 0x1.d23784p-3f));
  q = hn::MulAdd(q, f, hn::Set(d, 0x1.63e65ap-1f));
  q = hn::MulAdd(q, f, hn::Set(d, 1.0f));
  return Scaled(q, x);
#else
  return FastExp2(d, x);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
