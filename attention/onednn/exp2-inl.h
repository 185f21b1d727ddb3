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

/// 2^x for x <= 127; anything below -100 gives 2^-100, which is nothing beside
/// the 1 of a softmax, and not so small that its products become denormal (slow
/// on many machines; the host's FTZ mode is not ours to set). Relative error at
/// most 1.6e-7; exactly 1 at 0, which the rescaling of an online softmax relies
/// on. 11 instructions against 27 of hwy's Exp.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V FastExp2(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> di;
  const V clamped = hn::Max(x, hn::Set(d, -100.0f));
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
}

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
