#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/execution_context.h"
#include "base/tensor_view.h"

namespace attune {

/// Multi-head attention pooling of variable-length bags (Lin et al. 2017,
/// "structured self-attentive embedding", one row per head):
/// out[s, head h] = sum_t softmax_t(scores[row_t, h]) values[row_t, head h]
/// over the entries t of segment s. An empty segment gives zeros.
///
/// `rows` lists the value rows of all segments one after the other (rows may
/// repeat); segment s holds rows[offsets[s] .. offsets[s+1]). Thread-safe.
class AttentionPooling {
 public:
  virtual ~AttentionPooling() = default;
  /// values [R, D], scores [R, H], D % H == 0; out [S, D], S =
  /// offsets.size()-1.
  virtual absl::Status Forward(ExecutionContext& context,
                               ConstMatrixView values, ConstMatrixView scores,
                               std::span<const int32_t> rows,
                               std::span<const int64_t> offsets,
                               MatrixView out) const = 0;
  /// out [S, D] as Forward wrote it; dvalues [R, D] and dscores [R, H] are
  /// added to.
  virtual absl::Status Backward(ExecutionContext& context,
                                ConstMatrixView values, ConstMatrixView scores,
                                std::span<const int32_t> rows,
                                std::span<const int64_t> offsets,
                                ConstMatrixView out, ConstMatrixView dout,
                                MatrixView dvalues,
                                MatrixView dscores) const = 0;
};

}  // namespace attune
