#include <cassert>
#include <cmath>

#include "attention/reference/activation_function.h"
#include "attention/reference/operations.h"

namespace attune {
namespace {

constexpr double kGeluScale = 0.7978845608028654;  // sqrt(2 / pi)
constexpr double kGeluCubic = 0.044715;

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

class ReferenceActivation final : public Activation {
 public:
  explicit ReferenceActivation(ActivationKind kind) : kind_(kind) {}

  void Forward(ExecutionContext&, std::span<const float> x,
               std::span<float> y) const override {
    assert(x.size() == y.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = static_cast<float>(ActivationValue(kind_, x[i]));
    }
  }

  void Backward(ExecutionContext&, std::span<const float> x,
                std::span<const float> dy, std::span<float> dx) const override {
    assert(x.size() == dy.size() && x.size() == dx.size());
    for (size_t i = 0; i < x.size(); ++i) {
      dx[i] = static_cast<float>(ActivationDerivative(kind_, x[i]) * dy[i]);
    }
  }

 private:
  ActivationKind kind_;
};

}  // namespace

double ActivationValue(ActivationKind kind, double x) {
  switch (kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kRelu:
      return x > 0.0 ? x : 0.0;
    case ActivationKind::kGeluTanh: {
      const double inner = kGeluScale * (x + kGeluCubic * x * x * x);
      return 0.5 * x * (1.0 + std::tanh(inner));
    }
    case ActivationKind::kSilu:
      return x * Sigmoid(x);
    case ActivationKind::kSigmoid:
      return Sigmoid(x);
  }
  return x;
}

double ActivationDerivative(ActivationKind kind, double x) {
  switch (kind) {
    case ActivationKind::kNone:
      return 1.0;
    case ActivationKind::kRelu:
      return x > 0.0 ? 1.0 : 0.0;
    case ActivationKind::kGeluTanh: {
      const double tanh = std::tanh(kGeluScale * (x + kGeluCubic * x * x * x));
      const double inner = kGeluScale * (1.0 + 3.0 * kGeluCubic * x * x);
      return 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * inner;
    }
    case ActivationKind::kSilu: {
      const double s = Sigmoid(x);
      return s * (1.0 + x * (1.0 - s));
    }
    case ActivationKind::kSigmoid: {
      const double s = Sigmoid(x);
      return s * (1.0 - s);
    }
  }
  return 1.0;
}

std::unique_ptr<Activation> MakeReferenceActivation(ActivationKind kind) {
  return std::make_unique<ReferenceActivation>(kind);
}

}  // namespace attune
