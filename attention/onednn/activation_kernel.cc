#include "attention/onednn/activation_kernel.h"

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/activation_kernel.cc"
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

constexpr float kMinusLog2E = -1.4426950408889634f;

// 1 + 2^exponent, the denominator of a sigmoid. The exponent is limited so that
// it does not overflow: 2^126 is far beyond where a float sigmoid is 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SigmoidDenominator(D d, V exponent) {
  return hn::Add(hn::Set(d, 1.0f),
                 FastExp2(d, hn::Min(exponent, hn::Set(d, 126.0f))));
}

// Division and not an approximate reciprocal with a Newton step, which takes
// longer (2.8 against 2.2 ns per 16 elements on Zen 5).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SigmoidOf(D d, V x) {
  const V exponent = hn::Mul(x, hn::Set(d, kMinusLog2E));
  return hn::Div(hn::Set(d, 1.0f), SigmoidDenominator(d, exponent));
}

struct Relu {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V x) {
    return hn::Max(x, hn::Zero(d));
  }
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V x) {
    return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), hn::Set(d, 1.0f));
  }
};

// 0.5 (1 + tanh u) is the sigmoid of 2 u: one exponential, no cancellation.
struct GeluTanh {
  static constexpr float kScale = 2.0f * 0.7978845608028654f;
  static constexpr float kCubic = 0.044715f;
  // -2 u in units of log2.
  template <class D, class V>
  static HWY_INLINE V Exponent(D d, V x, V x2) {
    return hn::Mul(x, hn::MulAdd(x2, hn::Set(d, kMinusLog2E * kScale * kCubic),
                                 hn::Set(d, kMinusLog2E * kScale)));
  }
  template <class D, class V>
  static HWY_INLINE V Value(D d, V x) {
    return hn::Div(x, SigmoidDenominator(d, Exponent(d, x, hn::Mul(x, x))));
  }
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V unlimited) {
    // Beyond 16 it is 0 or 1; squares of larger x could overflow.
    const V x = hn::Clamp(unlimited, hn::Set(d, -16.0f), hn::Set(d, 16.0f));
    const V x2 = hn::Mul(x, x);
    const V gate =
        hn::Div(hn::Set(d, 1.0f), SigmoidDenominator(d, Exponent(d, x, x2)));
    const V slope =
        hn::MulAdd(x2, hn::Set(d, 3.0f * kScale * kCubic), hn::Set(d, kScale));
    // gate + x gate (1 - gate) slope
    const V bend = hn::Mul(hn::Mul(x, slope), hn::NegMulAdd(gate, gate, gate));
    return hn::Add(gate, bend);
  }
};

struct Silu {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V x) {
    const V exponent = hn::Mul(x, hn::Set(d, kMinusLog2E));
    return hn::Div(x, SigmoidDenominator(d, exponent));
  }
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V x) {
    const V s = SigmoidOf(d, x);
    return hn::MulAdd(x, hn::NegMulAdd(s, s, s), s);
  }
};

struct SigmoidFunction {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V x) {
    return SigmoidOf(d, x);
  }
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V x) {
    const V s = SigmoidOf(d, x);
    return hn::NegMulAdd(s, s, s);
  }
};

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
  switch (kind) {
    case ActivationKind::kNone:
      if (x != y) {
        for (size_t i = 0; i < size; ++i) y[i] = x[i];
      }
      return;
    case ActivationKind::kRelu:
      return ForwardLoop<Relu>(x, y, size);
    case ActivationKind::kGeluTanh:
      return ForwardLoop<GeluTanh>(x, y, size);
    case ActivationKind::kSilu:
      return ForwardLoop<Silu>(x, y, size);
    case ActivationKind::kSigmoid:
      return ForwardLoop<SigmoidFunction>(x, y, size);
  }
}

void Backward(ActivationKind kind, const float* x, const float* dy, float* dx,
              size_t size) {
  switch (kind) {
    case ActivationKind::kNone:
      if (dy != dx) {
        for (size_t i = 0; i < size; ++i) dx[i] = dy[i];
      }
      return;
    case ActivationKind::kRelu:
      return BackwardLoop<Relu>(x, dy, dx, size);
    case ActivationKind::kGeluTanh:
      return BackwardLoop<GeluTanh>(x, dy, dx, size);
    case ActivationKind::kSilu:
      return BackwardLoop<Silu>(x, dy, dx, size);
    case ActivationKind::kSigmoid:
      return BackwardLoop<SigmoidFunction>(x, dy, dx, size);
  }
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
