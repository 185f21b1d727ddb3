#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "base/execution_context.h"
#include "base/tensor_view.h"

namespace attune {

/// Softmax cross-entropy of each row against a table of classes, fused: logits
/// are made in tiles of rows and never stored as a whole.
/// logit[i, c] = scale * rows_i · classes_c + class_bias[c];
/// loss = sum_i weight_i (logsumexp_c logit[i, c] - logit[i, target_i]).
struct CrossEntropyInput {
  ConstMatrixView rows;               ///< [M, D]
  ConstMatrixView classes;            ///< [N, D]
  std::span<const float> class_bias;  ///< [N] or empty
  std::span<const int32_t> targets;   ///< [M], in [0, N)
  std::span<const float> weights;     ///< [M] or empty (all 1)
  float scale = 1.0f;
  /// Classes that row i does not choose among, [M] or empty: as if they were
  /// not in the table. Repeats are allowed; the target must not be in it.
  std::span<const std::span<const int32_t>> excluded = {};
};

class CrossEntropy {
 public:
  virtual ~CrossEntropy() = default;
  /// Returns the loss. Gradients of it (each view may be empty): drows [M, D]
  /// overwritten, dclasses [N, D] and dclass_bias [N] added to. Thread-safe.
  virtual absl::StatusOr<double> ForwardBackward(
      ExecutionContext& context, const CrossEntropyInput& input,
      MatrixView drows, MatrixView dclasses,
      std::span<float> dclass_bias) const = 0;
};

}  // namespace attune
