#include "attention/onednn/bfloat16_kernel.h"

#include "attention/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/bfloat16_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using BitsTag = hn::RebindToUnsigned<FloatTag>;

// The bits of the rounded value in the upper half of each lane. By integer
// arithmetic as in bfloat16.h, since hwy 1.0.3's own conversion may truncate.
HWY_INLINE hn::Vec<BitsTag> RoundedBits(hn::Vec<FloatTag> x) {
  const BitsTag du;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
  const auto nan = hn::RebindMask(du, hn::Ne(x, x));
  return hn::And(hn::IfThenElse(nan, quiet, rounded), hn::Set(du, 0xffff0000u));
}

void Convert(const ConstMatrixView& from, uint16_t* HWY_RESTRICT to) {
  const FloatTag d;
  const hn::Rebind<uint16_t, FloatTag> d16;
  const int64_t lanes = hn::Lanes(d);
  const int64_t cols = from.cols();
  for (int64_t r = 0; r < from.rows(); ++r, to += cols) {
    const float* row = from.row(r);
    int64_t c = 0;
    for (; c + lanes <= cols; c += lanes) {
      const auto upper = hn::ShiftRight<16>(RoundedBits(hn::LoadU(d, row + c)));
      hn::StoreU(
          hn::DemoteTo(d16, hn::BitCast(hn::RebindToSigned<FloatTag>(), upper)),
          d16, to + c);
    }
    for (; c < cols; ++c) to[c] = Bfloat16Bits(row[c]);
  }
}

// As 32-bit lanes: even rows are the lower halves.
void WritePairs(const ConstMatrixView& from, int64_t begin,
                uint32_t* HWY_RESTRICT pairs) {
  const FloatTag d;
  const BitsTag du;
  const int64_t lanes = hn::Lanes(d);
  const int64_t cols = from.cols();
  for (int64_t r = 0; r < from.rows(); ++r) {
    const float* row = from.row(r);
    uint32_t* to = pairs + (begin + r) / 2 * cols;
    const bool upper = (begin + r) % 2 != 0;
    int64_t c = 0;
    for (; c + lanes <= cols; c += lanes) {
      const auto bits = RoundedBits(hn::LoadU(d, row + c));
      const auto low = hn::And(hn::LoadU(du, to + c), hn::Set(du, 0xffffu));
      hn::StoreU(upper ? hn::Or(bits, low) : hn::ShiftRight<16>(bits), du,
                 to + c);
    }
    for (; c < cols; ++c) {
      const uint32_t bits = Bfloat16Bits(row[c]);
      to[c] = upper ? (to[c] & 0xffffu) | bits << 16 : bits;
    }
  }
}

void Round(const ConstMatrixView& from, const MatrixView& to) {
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t r = 0; r < from.rows(); ++r) {
    const float* row = from.row(r);
    float* out = to.row(r);
    int64_t c = 0;
    for (; c + lanes <= from.cols(); c += lanes) {
      hn::StoreU(hn::BitCast(d, RoundedBits(hn::LoadU(d, row + c))), d,
                 out + c);
    }
    for (; c < from.cols(); ++c) out[c] = attune::RoundToBfloat16(row[c]);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(Convert);
HWY_EXPORT(Round);
HWY_EXPORT(WritePairs);
}  // namespace

void ConvertToBfloat16(ConstMatrixView from, uint16_t* to) {
  HWY_DYNAMIC_DISPATCH(Convert)(from, to);
}

void WriteBfloat16Pairs(ConstMatrixView from, int64_t begin, uint16_t* pairs) {
  // Pairs of the little-endian machines that there are kernels for.
  HWY_DYNAMIC_DISPATCH(WritePairs)
  (from, begin, reinterpret_cast<uint32_t*>(pairs));
}

void RoundToBfloat16(ConstMatrixView from, MatrixView to) {
  HWY_DYNAMIC_DISPATCH(Round)(from, to);
}

}  // namespace attune
#endif  // HWY_ONCE
