#include "attention/ops/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "attention/onednn/gemm_kernel.h"
#include "attention/onednn/operations.h"
#include "attention/onednn/softmax_kernel.h"
#include "attention/op_checks.h"
#include "base/status_macros.h"

namespace attune {
namespace {

// A tile of logits: 60 rows x 4096 classes are 1 MB, about an L2. Larger tiles
// cost more cache misses than they save reads of the classes. A multiple of the
// products' 12 rows.
constexpr int64_t kTileRows = 60;
// More classes go block by block, and their logits are computed twice.
constexpr int64_t kMaxTileClasses = 8192;
constexpr double kLn2 = 0.6931471805599453;

// Rows that begin with a cache line, or every vector of a row would be stored
// to two; an odd number of lines apart, or rows would share a few sets of a
// cache.
MatrixView MatrixOfLines(Workspace& workspace, int64_t rows, int64_t cols) {
  constexpr int64_t kLine = 16;
  const int64_t stride = (((cols + kLine - 1) / kLine) | 1) * kLine;
  return MatrixView(workspace.Allocate<float>(rows * stride).data(),
                    {rows, cols}, {stride, 1});
}

// Row i of the gradients is factor_i * (exponentials_i - [target]), where
// exponentials are 2^(logit - shift_i) and factor_i brings in the rest.
class Computation {
 public:
  Computation(Workspace& workspace, const CrossEntropyInput& input,
              MatrixView drows, MatrixView dclasses,
              std::span<float> dclass_bias)
      : workspace_(workspace),
        input_(input),
        drows_(drows),
        dclasses_(dclasses),
        dclass_bias_(dclass_bias),
        width_(input.rows.cols()),
        tile_classes_(std::min(input.classes.rows(), kMaxTileClasses)),
        logits_(MatrixOfLines(workspace, kTileRows, tile_classes_)),
        scaled_rows_(workspace.Matrix(kTileRows, width_)) {}

  // All classes fit one tile: its logits become the exponentials in place.
  double OneTilePerRow() {
    const PackedTransposed packed(workspace_, input_.classes);
    double loss = 0.0;
    for (int64_t begin = 0; begin < rows(); begin += kTileRows) {
      const int64_t count = std::min(kTileRows, rows() - begin);
      Gemm(input_.rows.rows_slice(begin, count), packed,
           logits_.rows_slice(0, count));
      float factor[kTileRows];
      for (int64_t r = 0; r < count; ++r) {
        const int64_t i = begin + r;
        const std::span<float> row = logits_.row_span(r);
        Exclude(i, 0, row);
        const float maximum = ScaleToLog2(row, input_.class_bias, input_.scale);
        const double target = row[input_.targets[i]];
        const double sum = Exp2AndSum(row, maximum);
        loss += Weight(i) * kLn2 * (maximum + std::log2(sum) - target);
        factor[r] = static_cast<float>(Weight(i) / sum);
      }
      AddGradients(begin, count, 0, tile_classes_, factor);
    }
    SubtractTargets();
    return loss;
  }

  // First the log-sum-exp of every row, then the gradients, whose blocks of
  // classes stay in the cache while the rows pass by.
  double ManyTilesPerRow() {
    std::span<float> log_sum = workspace_.Allocate<float>(rows());
    const double loss = LogSums(log_sum);
    if (drows_.empty() && dclasses_.empty() && dclass_bias_.empty()) {
      return loss;
    }
    for (int64_t i = 0; i < drows_.rows(); ++i) {
      std::ranges::fill(drows_.row_span(i), 0.0f);
    }
    for (int64_t c = 0; c < classes(); c += tile_classes_) {
      Workspace::Scope scope(workspace_);
      const int64_t width = std::min(tile_classes_, classes() - c);
      const PackedTransposed packed(workspace_,
                                    input_.classes.rows_slice(c, width));
      for (int64_t begin = 0; begin < rows(); begin += kTileRows) {
        const int64_t count = std::min(kTileRows, rows() - begin);
        LogitTile(begin, count, packed);
        float factor[kTileRows];
        for (int64_t r = 0; r < count; ++r) {
          const std::span<float> row = logits_.row_span(r).first(width);
          Exclude(begin + r, c, row);
          ScaleToLog2(row, BiasBlock(c, width), input_.scale);
          Exp2AndSum(row, log_sum[begin + r]);
          factor[r] = static_cast<float>(Weight(begin + r));
        }
        AddGradients(begin, count, c, width, factor);
      }
    }
    SubtractTargets();
    return loss;
  }

  bool fits_one_tile() const { return classes() <= tile_classes_; }

 private:
  int64_t rows() const { return input_.rows.rows(); }
  int64_t classes() const { return input_.classes.rows(); }
  double Weight(int64_t row) const {
    return input_.weights.empty() ? 1.0 : input_.weights[row];
  }
  std::span<const float> BiasBlock(int64_t begin, int64_t count) const {
    if (input_.class_bias.empty()) return {};
    return input_.class_bias.subspan(begin, count);
  }

  // Before scaling, which must not make it infinite.
  void Exclude(int64_t row, int64_t first_class, std::span<float> logits) {
    if (input_.excluded.empty()) return;
    const float lowest = -1e30f / std::max(1.0f, input_.scale);
    for (int32_t index : input_.excluded[row]) {
      const int64_t at = index - first_class;
      if (at >= 0 && at < static_cast<int64_t>(logits.size())) {
        logits[at] = lowest;
      }
    }
  }

  void LogitTile(int64_t begin, int64_t count, const PackedTransposed& packed) {
    Gemm(input_.rows.rows_slice(begin, count), packed,
         MatrixView(logits_.data(), {count, packed.rows()},
                    {logits_.stride(0), 1}));
  }

  // Fills log_sum [M], base 2; returns the loss. Online over the blocks: sums
  // are kept relative to the largest logit so far.
  double LogSums(std::span<float> log_sum) {
    Workspace::Scope scope(workspace_);
    std::span<double> sum = workspace_.Allocate<double>(rows());
    std::span<float> maximum = workspace_.Allocate<float>(rows());
    std::span<float> target = workspace_.Allocate<float>(rows());
    std::ranges::fill(sum, 0.0);
    std::ranges::fill(maximum, -HUGE_VALF);
    for (int64_t c = 0; c < classes(); c += tile_classes_) {
      Workspace::Scope block_scope(workspace_);
      const int64_t width = std::min(tile_classes_, classes() - c);
      const PackedTransposed packed(workspace_,
                                    input_.classes.rows_slice(c, width));
      for (int64_t begin = 0; begin < rows(); begin += kTileRows) {
        const int64_t count = std::min(kTileRows, rows() - begin);
        LogitTile(begin, count, packed);
        for (int64_t i = begin; i < begin + count; ++i) {
          const std::span<float> row = logits_.row_span(i - begin).first(width);
          Exclude(i, c, row);
          const float largest =
              ScaleToLog2(row, BiasBlock(c, width), input_.scale);
          const int64_t place = input_.targets[i] - c;
          if (place >= 0 && place < width) target[i] = row[place];
          const float top = std::max(maximum[i], largest);
          sum[i] = sum[i] * std::exp2(double{maximum[i]} - top) +
                   Exp2AndSum(row, top);
          maximum[i] = top;
        }
      }
    }
    double loss = 0.0;
    for (int64_t i = 0; i < rows(); ++i) {
      const double log2_sum = maximum[i] + std::log2(sum[i]);
      log_sum[i] = static_cast<float>(log2_sum);
      loss += Weight(i) * kLn2 * (log2_sum - target[i]);
    }
    return loss;
  }

  // From the exponentials of rows [begin, begin + count) and classes
  // [first, first + width); the -1 of the targets comes in SubtractTargets.
  void AddGradients(int64_t begin, int64_t count, int64_t first, int64_t width,
                    const float* factor) {
    const ConstMatrixView exponentials(logits_.data(), {count, width},
                                       {logits_.stride(0), 1});
    if (!dclass_bias_.empty()) {
      for (int64_t r = 0; r < count; ++r) {
        AddScaled(factor[r], exponentials.row_span(r),
                  dclass_bias_.subspan(first, width));
      }
    }
    if (!drows_.empty()) {
      // Rows of one block of classes are made whole at once, others gathered.
      const bool gather = width < classes();
      const MatrixView drows = drows_.rows_slice(begin, count);
      Gemm(workspace_, exponentials, input_.classes.rows_slice(first, width),
           gather ? scaled_rows_.rows_slice(0, count) : drows,
           /*accumulate=*/false);
      for (int64_t r = 0; r < count; ++r) {
        const float f = factor[r] * input_.scale;
        const std::span<float> to = drows.row_span(r);
        if (gather) {
          AddScaled(f, scaled_rows_.row_span(r), to);
        } else {
          for (float& value : to) value *= f;
        }
      }
    }
    if (!dclasses_.empty()) {
      for (int64_t r = 0; r < count; ++r) {
        const float f = factor[r] * input_.scale;
        const std::span<const float> from = input_.rows.row_span(begin + r);
        float* to = scaled_rows_.row(r);
        for (int64_t d = 0; d < width_; ++d) to[d] = f * from[d];
      }
      GemmTransposedA(workspace_, exponentials,
                      scaled_rows_.rows_slice(0, count),
                      dclasses_.rows_slice(first, width));
    }
  }

  void SubtractTargets() {
    for (int64_t i = 0; i < rows(); ++i) {
      const int32_t target = input_.targets[i];
      const float weight = static_cast<float>(Weight(i));
      if (!dclass_bias_.empty()) dclass_bias_[target] -= weight;
      const float f = -weight * input_.scale;
      if (!drows_.empty()) {
        AddScaled(f, input_.classes.row_span(target), drows_.row_span(i));
      }
      if (!dclasses_.empty()) {
        AddScaled(f, input_.rows.row_span(i), dclasses_.row_span(target));
      }
    }
  }

  Workspace& workspace_;
  const CrossEntropyInput& input_;
  MatrixView drows_, dclasses_;
  std::span<float> dclass_bias_;
  int64_t width_;
  int64_t tile_classes_;
  MatrixView logits_;       // [kTileRows, tile_classes_]
  MatrixView scaled_rows_;  // [kTileRows, D]
};

class VectorCrossEntropy final : public CrossEntropy {
 public:
  explicit VectorCrossEntropy(int64_t width) : width_(width) {}

  absl::StatusOr<double> ForwardBackward(
      ExecutionContext& context, const CrossEntropyInput& input,
      MatrixView drows, MatrixView dclasses,
      std::span<float> dclass_bias) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckCrossEntropy(width_, input, drows, dclasses, dclass_bias));
    Workspace::Scope scope(context.workspace);
    Computation computation(context.workspace, input, drows, dclasses,
                            dclass_bias);
    return computation.fits_one_tile() ? computation.OneTilePerRow()
                                       : computation.ManyTilesPerRow();
  }

 private:
  int64_t width_;
};

}  // namespace

std::unique_ptr<CrossEntropy> MakeVectorCrossEntropy(int64_t width) {
  return std::make_unique<VectorCrossEntropy>(width);
}

}  // namespace attune
