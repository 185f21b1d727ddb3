#include <algorithm>
#include <cmath>

#include "attention/op_checks.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class ReferenceAttentionPooling final : public AttentionPooling {
 public:
  ReferenceAttentionPooling(int64_t width, int heads)
      : width_(width), heads_(heads), head_width_(width / heads) {}

  absl::Status Forward(ExecutionContext& context, ConstMatrixView values,
                       ConstMatrixView scores, std::span<const int32_t> rows,
                       std::span<const int64_t> offsets,
                       MatrixView out) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckPooling(width_, heads_, values, scores, rows, offsets, out));
    for (int64_t s = 0; s < out.rows(); ++s) {
      Workspace::Scope scope(context.workspace);
      const auto segment =
          rows.subspan(offsets[s], offsets[s + 1] - offsets[s]);
      std::span<double> weight =
          context.workspace.Allocate<double>(segment.size());
      for (int h = 0; h < heads_; ++h) {
        Softmax(scores, segment, h, weight);
        for (int64_t d = h * head_width_; d < (h + 1) * head_width_; ++d) {
          double sum = 0.0;
          for (size_t t = 0; t < segment.size(); ++t) {
            sum += weight[t] * values(segment[t], d);
          }
          out(s, d) = static_cast<float>(sum);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status Backward(ExecutionContext& context, ConstMatrixView values,
                        ConstMatrixView scores, std::span<const int32_t> rows,
                        std::span<const int64_t> offsets, ConstMatrixView out,
                        ConstMatrixView dout, MatrixView dvalues,
                        MatrixView dscores) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckPooling(width_, heads_, values, scores, rows, offsets, out));
    ATTUNE_RETURN_IF_ERROR(
        CheckPooling(width_, heads_, values, scores, rows, offsets, dout));
    for (int64_t s = 0; s < dout.rows(); ++s) {
      Workspace::Scope scope(context.workspace);
      const auto segment =
          rows.subspan(offsets[s], offsets[s + 1] - offsets[s]);
      std::span<double> weight =
          context.workspace.Allocate<double>(segment.size());
      std::span<double> dweight =
          context.workspace.Allocate<double>(segment.size());
      for (int h = 0; h < heads_; ++h) {
        Softmax(scores, segment, h, weight);
        double mean = 0.0;  // sum_t weight_t dweight_t
        for (size_t t = 0; t < segment.size(); ++t) {
          dweight[t] = 0.0;
          for (int64_t d = h * head_width_; d < (h + 1) * head_width_; ++d) {
            dweight[t] += double{dout(s, d)} * values(segment[t], d);
            dvalues(segment[t], d) +=
                static_cast<float>(weight[t] * dout(s, d));
          }
          mean += weight[t] * dweight[t];
        }
        for (size_t t = 0; t < segment.size(); ++t) {
          dscores(segment[t], h) +=
              static_cast<float>(weight[t] * (dweight[t] - mean));
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  static void Softmax(ConstMatrixView scores, std::span<const int32_t> segment,
                      int head, std::span<double> weight) {
    double maximum = -HUGE_VAL;
    for (int32_t row : segment) {
      maximum = std::max(maximum, double{scores(row, head)});
    }
    double sum = 0.0;
    for (size_t t = 0; t < segment.size(); ++t) {
      weight[t] = std::exp(scores(segment[t], head) - maximum);
      sum += weight[t];
    }
    for (double& value : weight) value /= sum;
  }

  int64_t width_;
  int heads_;
  int64_t head_width_;
};

}  // namespace

std::unique_ptr<AttentionPooling> MakeReferenceAttentionPooling(int64_t width,
                                                                int heads) {
  return std::make_unique<ReferenceAttentionPooling>(width, heads);
}

}  // namespace attune
