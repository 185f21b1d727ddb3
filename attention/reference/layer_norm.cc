#include <cassert>
#include <cmath>

#include "attention/reference/operations.h"

namespace attune {
namespace {

struct Statistics {
  double mean;
  double inverse_deviation;
};

Statistics RowStatistics(std::span<const float> x) {
  double mean = 0.0;
  for (float value : x) mean += value;
  mean /= static_cast<double>(x.size());
  double variance = 0.0;
  for (float value : x) variance += (value - mean) * (value - mean);
  variance /= static_cast<double>(x.size());
  return {mean, 1.0 / std::sqrt(variance + LayerNorm::kEpsilon)};
}

class ReferenceLayerNorm final : public LayerNorm {
 public:
  explicit ReferenceLayerNorm(int64_t width) : width_(width) {}

  void Forward(ExecutionContext&, ConstMatrixView x,
               std::span<const float> gamma, std::span<const float> beta,
               MatrixView y) const override {
    assert(x.cols() == width_ && y.rows() == x.rows() && y.cols() == width_);
    for (int64_t m = 0; m < x.rows(); ++m) {
      const auto [mean, inverse] = RowStatistics(x.row_span(m));
      for (int64_t d = 0; d < width_; ++d) {
        y(m, d) =
            static_cast<float>(gamma[d] * (x(m, d) - mean) * inverse + beta[d]);
      }
    }
  }

  void Backward(ExecutionContext&, ConstMatrixView x,
                std::span<const float> gamma, ConstMatrixView dy, MatrixView dx,
                std::span<float> dgamma,
                std::span<float> dbeta) const override {
    assert(x.cols() == width_ && dy.rows() == x.rows());
    assert(dx.rows() == x.rows() && dx.cols() == width_);
    for (int64_t m = 0; m < x.rows(); ++m) {
      const auto [mean, inverse] = RowStatistics(x.row_span(m));
      // With n = (x - mean) / deviation and g = gamma dy:
      // dx = (g - mean(g) - n mean(g n)) / deviation.
      double sum = 0.0;
      double dot = 0.0;
      for (int64_t d = 0; d < width_; ++d) {
        const double normal = (x(m, d) - mean) * inverse;
        sum += double{gamma[d]} * dy(m, d);
        dot += double{gamma[d]} * dy(m, d) * normal;
      }
      sum /= static_cast<double>(width_);
      dot /= static_cast<double>(width_);
      for (int64_t d = 0; d < width_; ++d) {
        const double gradient = dy(m, d);  // dx may be dy: read it first
        const double normal = (x(m, d) - mean) * inverse;
        dgamma[d] += static_cast<float>(gradient * normal);
        dbeta[d] += static_cast<float>(gradient);
        dx(m, d) = static_cast<float>(
            (gamma[d] * gradient - sum - normal * dot) * inverse);
      }
    }
  }

 private:
  int64_t width_;
};

}  // namespace

std::unique_ptr<LayerNorm> MakeReferenceLayerNorm(int64_t width) {
  return std::make_unique<ReferenceLayerNorm>(width);
}

}  // namespace attune
