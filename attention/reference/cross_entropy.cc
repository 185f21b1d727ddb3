#include <algorithm>
#include <cmath>

#include "attention/op_checks.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class ReferenceCrossEntropy final : public CrossEntropy {
 public:
  explicit ReferenceCrossEntropy(int64_t width) : width_(width) {}

  absl::StatusOr<double> ForwardBackward(
      ExecutionContext& context, const CrossEntropyInput& input,
      MatrixView drows, MatrixView dclasses,
      std::span<float> dclass_bias) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckCrossEntropy(width_, input, drows, dclasses, dclass_bias));
    const int64_t classes = input.classes.rows();
    Workspace::Scope scope(context.workspace);
    std::span<double> logit = context.workspace.Allocate<double>(classes);
    std::span<double> drow = context.workspace.Allocate<double>(width_);
    double loss = 0.0;
    for (int64_t i = 0; i < input.rows.rows(); ++i) {
      const double weight = input.weights.empty() ? 1.0 : input.weights[i];
      const double log_sum_exp = Logits(input, i, logit);
      loss += weight * (log_sum_exp - logit[input.targets[i]]);
      std::fill(drow.begin(), drow.end(), 0.0);
      for (int64_t c = 0; c < classes; ++c) {
        double dlogit = std::exp(logit[c] - log_sum_exp);
        if (c == input.targets[i]) dlogit -= 1.0;
        dlogit *= weight;
        if (!dclass_bias.empty()) {
          dclass_bias[c] += static_cast<float>(dlogit);
        }
        dlogit *= input.scale;
        for (int64_t d = 0; d < width_; ++d) {
          drow[d] += dlogit * input.classes(c, d);
        }
        if (dclasses.empty()) continue;
        for (int64_t d = 0; d < width_; ++d) {
          dclasses(c, d) += static_cast<float>(dlogit * input.rows(i, d));
        }
      }
      if (drows.empty()) continue;
      for (int64_t d = 0; d < width_; ++d) {
        drows(i, d) = static_cast<float>(drow[d]);
      }
    }
    return loss;
  }

 private:
  // Fills the logits of row i; returns their log-sum-exp.
  double Logits(const CrossEntropyInput& input, int64_t i,
                std::span<double> logit) const {
    double maximum = -HUGE_VAL;
    for (int64_t c = 0; c < input.classes.rows(); ++c) {
      double dot = 0.0;
      for (int64_t d = 0; d < width_; ++d) {
        dot += double{input.rows(i, d)} * input.classes(c, d);
      }
      logit[c] = input.scale * dot;
      if (!input.class_bias.empty()) logit[c] += input.class_bias[c];
    }
    if (!input.excluded.empty()) {
      for (int32_t c : input.excluded[i]) logit[c] = -HUGE_VAL;
    }
    for (double value : logit) maximum = std::max(maximum, value);
    double sum = 0.0;
    for (double value : logit) sum += std::exp(value - maximum);
    return maximum + std::log(sum);
  }

  int64_t width_;
};

}  // namespace

std::unique_ptr<CrossEntropy> MakeReferenceCrossEntropy(int64_t width) {
  return std::make_unique<ReferenceCrossEntropy>(width);
}

}  // namespace attune
