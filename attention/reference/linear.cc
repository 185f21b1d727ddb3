#include <algorithm>
#include <vector>

#include "attention/bfloat16.h"
#include "attention/op_checks.h"
#include "attention/reference/activation_function.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class ReferenceLinear final : public Linear {
 public:
  explicit ReferenceLinear(const LinearSpec& spec) : spec_(spec) {}

  const LinearSpec& spec() const override { return spec_; }

  absl::Status SetWeights(ConstMatrixView weight,
                          std::span<const float> bias) override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearWeights(spec_, weight, bias));
    weight_.resize(spec_.in * spec_.out);
    for (int64_t i = 0; i < spec_.in; ++i) {
      for (int64_t o = 0; o < spec_.out; ++o) {
        weight_[i * spec_.out + o] = Operand(weight(i, o));
      }
    }
    bias_.assign(bias.begin(), bias.end());
    return absl::OkStatus();
  }

  absl::Status Forward(ExecutionContext& context, ConstMatrixView x,
                       MatrixView y, ConstMatrixView residual) const override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearForward(spec_, x, y, residual));
    ATTUNE_RETURN_IF_ERROR(CheckReady());
    Workspace::Scope scope(context.workspace);
    std::span<double> sum = context.workspace.Allocate<double>(spec_.out);
    for (int64_t m = 0; m < x.rows(); ++m) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t i = 0; i < spec_.in; ++i) {
        const double value = Operand(x(m, i));
        const float* weight = &weight_[i * spec_.out];
        for (int64_t o = 0; o < spec_.out; ++o) sum[o] += value * weight[o];
      }
      for (int64_t o = 0; o < spec_.out; ++o) {
        double value = sum[o] + (spec_.bias ? bias_[o] : 0.0f);
        value = ActivationValue(spec_.activation, value);
        if (!residual.empty()) value += residual(m, o);
        y(m, o) = static_cast<float>(value);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Backward(ExecutionContext& context, ConstMatrixView x,
                        ConstMatrixView dy, MatrixView dx, MatrixView dweight,
                        std::span<float> dbias) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckLinearBackward(spec_, x, dy, dx, dweight, dbias));
    ATTUNE_RETURN_IF_ERROR(CheckReady());
    Workspace::Scope scope(context.workspace);
    if (!dx.empty()) {
      for (int64_t m = 0; m < dy.rows(); ++m) {
        for (int64_t i = 0; i < spec_.in; ++i) {
          const float* weight = &weight_[i * spec_.out];
          double sum = 0.0;
          for (int64_t o = 0; o < spec_.out; ++o) {
            sum += double{Operand(dy(m, o))} * weight[o];
          }
          dx(m, i) = static_cast<float>(sum);
        }
      }
    }
    std::span<double> sum = context.workspace.Allocate<double>(spec_.out);
    if (!dweight.empty()) {
      for (int64_t i = 0; i < spec_.in; ++i) {
        std::fill(sum.begin(), sum.end(), 0.0);
        for (int64_t m = 0; m < dy.rows(); ++m) {
          const double value = Operand(x(m, i));
          for (int64_t o = 0; o < spec_.out; ++o) {
            sum[o] += value * Operand(dy(m, o));
          }
        }
        for (int64_t o = 0; o < spec_.out; ++o) {
          dweight(i, o) += static_cast<float>(sum[o]);
        }
      }
    }
    if (!dbias.empty()) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t m = 0; m < dy.rows(); ++m) {
        for (int64_t o = 0; o < spec_.out; ++o) sum[o] += dy(m, o);
      }
      for (int64_t o = 0; o < spec_.out; ++o) {
        dbias[o] += static_cast<float>(sum[o]);
      }
    }
    return absl::OkStatus();
  }

 private:
  // A product's operand as the precision sees it.
  float Operand(float x) const {
    return spec_.precision == Precision::kBf16 ? RoundToBfloat16(x) : x;
  }
  absl::Status CheckReady() const {
    if (!weight_.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError("linear layer has no weights yet");
  }

  LinearSpec spec_;
  std::vector<float> weight_;  // [in, out], rounded to the precision
  std::vector<float> bias_;    // [out] or empty
};

}  // namespace

std::unique_ptr<Linear> MakeReferenceLinear(const LinearSpec& spec) {
  return std::make_unique<ReferenceLinear>(spec);
}

}  // namespace attune
