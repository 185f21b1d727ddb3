#include "attention/onednn/activation_kernel.h"

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/activation_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/activation-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class Function>
void ForwardLoop(const float* x, float* y, size_t size) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 2 * lanes <= size; i += 2 * lanes) {  // two to hide latencies
    const auto y0 = Function::Value(d, hn::LoadU(d, x + i));
    const auto y1 = Function::Value(d, hn::LoadU(d, x + i + lanes));
    hn::StoreU(y0, d, y + i);
    hn::StoreU(y1, d, y + i + lanes);
  }
  for (; i < size; ++i) {
    hn::StoreU(Function::Value(d1, hn::LoadU(d1, x + i)), d1, y + i);
  }
}

template <class Function>
void BackwardLoop(const float* x, const float* dy, float* dx, size_t size) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const auto slope = Function::Derivative(d, hn::LoadU(d, x + i));
    hn::StoreU(hn::Mul(slope, hn::LoadU(d, dy + i)), d, dx + i);
  }
  for (; i < size; ++i) {
    const auto slope = Function::Derivative(d1, hn::LoadU(d1, x + i));
    hn::StoreU(hn::Mul(slope, hn::LoadU(d1, dy + i)), d1, dx + i);
  }
}

void Forward(ActivationKind kind, const float* x, float* y, size_t size) {
  if (kind == ActivationKind::kNone && x != y) {
    for (size_t i = 0; i < size; ++i) y[i] = x[i];
  }
  activation::WithActivation(kind, [&](auto function) HWY_ATTR {
    ForwardLoop<decltype(function)>(x, y, size);
  });
}

void Backward(ActivationKind kind, const float* x, const float* dy, float* dx,
              size_t size) {
  if (kind == ActivationKind::kNone && dy != dx) {
    for (size_t i = 0; i < size; ++i) dx[i] = dy[i];
  }
  activation::WithActivation(kind, [&](auto function) HWY_ATTR {
    BackwardLoop<decltype(function)>(x, dy, dx, size);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(Forward);
HWY_EXPORT(Backward);
}  // namespace

void ActivationForward(ActivationKind kind, std::span<const float> x,
                       std::span<float> y) {
  HWY_DYNAMIC_DISPATCH(Forward)(kind, x.data(), y.data(), x.size());
}

void ActivationBackward(ActivationKind kind, std::span<const float> x,
                        std::span<const float> dy, std::span<float> dx) {
  HWY_DYNAMIC_DISPATCH(Backward)
  (kind, x.data(), dy.data(), dx.data(), x.size());
}

}  // namespace attune
#endif  // HWY_ONCE
