// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_ACTIVATION_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_ACTIVATION_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_ACTIVATION_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_ACTIVATION_INL_H_
#endif

#include "attention/onednn/exp2-inl.h"
#include "attention/ops/activation.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

// The activation functions of a vector, and their derivatives.
namespace activation {

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

/// Calls body(function) with the function of `kind`, which is none of kNone.
template <class Body>
HWY_INLINE void WithActivation(ActivationKind kind, Body body) {
  switch (kind) {
    case ActivationKind::kNone:
      return;
    case ActivationKind::kRelu:
      return body(Relu());
    case ActivationKind::kGeluTanh:
      return body(GeluTanh());
    case ActivationKind::kSilu:
      return body(Silu());
    case ActivationKind::kSigmoid:
      return body(SigmoidFunction());
  }
}

}  // namespace activation
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
