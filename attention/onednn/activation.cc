#include "attention/ops/activation.h"

#include <cassert>

#include "attention/onednn/activation_kernel.h"
#include "attention/onednn/operations.h"

namespace attune {
namespace {

class VectorActivation final : public Activation {
 public:
  explicit VectorActivation(ActivationKind kind) : kind_(kind) {}

  void Forward(ExecutionContext&, std::span<const float> x,
               std::span<float> y) const override {
    assert(x.size() == y.size());
    ActivationForward(kind_, x, y);
  }

  void Backward(ExecutionContext&, std::span<const float> x,
                std::span<const float> dy, std::span<float> dx) const override {
    assert(x.size() == dy.size() && x.size() == dx.size());
    ActivationBackward(kind_, x, dy, dx);
  }

 private:
  ActivationKind kind_;
};

}  // namespace

std::unique_ptr<Activation> MakeVectorActivation(ActivationKind kind) {
  return std::make_unique<VectorActivation>(kind);
}

}  // namespace attune
