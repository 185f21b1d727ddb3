#include "attention/onednn/softmax_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/softmax_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/exp2-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using OneTag = hn::CappedTag<float, 1>;  // for the rest of a row

template <class D>
HWY_INLINE hn::Vec<D> ScaledLogit(D d, const float* x, const float* bias,
                                  hn::Vec<D> scale, hn::Vec<D> log2e) {
  const auto logit = hn::Mul(hn::LoadU(d, x), scale);
  if (bias == nullptr) return logit;
  return hn::MulAdd(hn::LoadU(d, bias), log2e, logit);
}

float ScaleRow(float* HWY_RESTRICT x, const float* HWY_RESTRICT bias,
               size_t size, float scale) {
  constexpr float kLog2E = 1.4426950408889634f;
  const FloatTag d;
  const OneTag d1;
  const size_t lanes = hn::Lanes(d);
  float maximum = -HUGE_VALF;
  size_t i = 0;
  if (size >= lanes) {
    auto largest = hn::Set(d, maximum);
    for (; i + lanes <= size; i += lanes) {
      const auto logit =
          ScaledLogit(d, x + i, bias == nullptr ? nullptr : bias + i,
                      hn::Set(d, scale * kLog2E), hn::Set(d, kLog2E));
      hn::StoreU(logit, d, x + i);
      largest = hn::Max(largest, logit);
    }
    maximum = hn::GetLane(hn::MaxOfLanes(d, largest));
  }
  for (; i < size; ++i) {
    const auto logit =
        ScaledLogit(d1, x + i, bias == nullptr ? nullptr : bias + i,
                    hn::Set(d1, scale * kLog2E), hn::Set(d1, kLog2E));
    hn::StoreU(logit, d1, x + i);
    maximum = std::max(maximum, hn::GetLane(logit));
  }
  return maximum;
}

float Exp2Row(float* HWY_RESTRICT x, size_t size, float shift) {
  const FloatTag d;
  const OneTag d1;
  const size_t lanes = hn::Lanes(d);
  const auto minus = hn::Set(d, shift);
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= size; i += 2 * lanes) {
    const auto e0 = FastExp2(d, hn::Sub(hn::LoadU(d, x + i), minus));
    const auto e1 = FastExp2(d, hn::Sub(hn::LoadU(d, x + i + lanes), minus));
    hn::StoreU(e0, d, x + i);
    hn::StoreU(e1, d, x + i + lanes);
    sum0 = hn::Add(sum0, e0);
    sum1 = hn::Add(sum1, e1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; i < size; ++i) {
    const auto e =
        FastExp2(d1, hn::Sub(hn::LoadU(d1, x + i), hn::Set(d1, shift)));
    hn::StoreU(e, d1, x + i);
    sum += hn::GetLane(e);
  }
  return sum;
}

void AddScaledRow(float factor, const float* HWY_RESTRICT x,
                  float* HWY_RESTRICT y, size_t size) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const auto f = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    hn::StoreU(hn::MulAdd(f, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d,
               y + i);
  }
  for (; i < size; ++i) y[i] += factor * x[i];
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(ScaleRow);
HWY_EXPORT(Exp2Row);
HWY_EXPORT(AddScaledRow);
}  // namespace

float ScaleToLog2(std::span<float> x, std::span<const float> bias,
                  float scale) {
  return HWY_DYNAMIC_DISPATCH(ScaleRow)(
      x.data(), bias.empty() ? nullptr : bias.data(), x.size(), scale);
}

float Exp2AndSum(std::span<float> x, float shift) {
  return HWY_DYNAMIC_DISPATCH(Exp2Row)(x.data(), x.size(), shift);
}

void AddScaled(float factor, std::span<const float> x, std::span<float> y) {
  HWY_DYNAMIC_DISPATCH(AddScaledRow)(factor, x.data(), y.data(), x.size());
}

}  // namespace attune
#endif  // HWY_ONCE
