#pragma once

#include <cstdint>

#include "attention/ops/key_value_view.h"
#include "base/tensor_view.h"
#include "base/workspace.h"

namespace attune {

/// One sequence, as the attention kernels see it. Pointers are to its own first
/// row. bf16 has happened already: operands are f32, rounded where asked for.
struct AttentionTask {
  /// Floats that can be read from the start of a row of time_bias, although
  /// fewer may count.
  static constexpr int64_t kTimeRow = 64;

  int64_t heads = 0;
  int64_t head_width = 0;
  int64_t keys = 0;
  ConstMatrixView q;                 ///< [queries, D]
  ConstMatrixView k;                 ///< [keys, D]
  ConstMatrixView v;                 ///< [keys, D]
  const int32_t* visible = nullptr;  ///< [queries], or all keys
  /// [heads, R] and [heads, B], already times log2(e); empty without that bias.
  ConstMatrixView position_bias;
  ConstMatrixView time_bias;
  const int64_t* query_time_ms = nullptr;  ///< [queries], with time_bias
  const int64_t* key_time_ms = nullptr;    ///< [keys], with time_bias

  /// All queries see the same keys and ask at the same time.
  bool queries_are_alike() const {
    for (int64_t i = 1; i < q.rows(); ++i) {
      if (visible != nullptr && visible[i] != visible[0]) return false;
      if (!time_bias.empty() && query_time_ms[i] != query_time_ms[0]) {
        return false;
      }
    }
    return true;
  }
};

/// What gradients are added to. The bias gradients are of the biases proper,
/// not of their log2(e) multiples.
struct AttentionTaskGradients {
  ConstMatrixView out;          ///< [queries, D], from the forward pass
  ConstMatrixView log_sum_exp;  ///< [queries, heads], from the forward pass
  ConstMatrixView dout;         ///< [queries, D]
  MatrixView dq, dk, dv;        ///< [queries | keys | keys, D]
  MatrixView dposition_bias;    ///< [heads, R] or empty
  MatrixView dtime_bias;        ///< [heads, B] or empty
};

/// Multi-head softmax attention with the queries of a tile in the lanes of the
/// vectors, so that nothing is summed across lanes: a query's bits depend on
/// its own row and keys only. `log_sum_exp` may be empty. Scratch from the
/// workspace, bounded whatever the number of keys.
void AttentionForward(Workspace& workspace, const AttentionTask& task,
                      MatrixView out, MatrixView log_sum_exp);

/// Whether AttentionForwardBfloat16 can be used: HasBfloat16Products(), and an
/// even head width.
bool HasBfloat16Attention(int64_t head_width);

/// AttentionForward on the bfloat16 dot product of AVX-512: q is rounded to
/// bfloat16, and so are the exponentials as the values' weights, which adds at
/// most 2^-9 of a value. `kept` is kBf16; `task.k` and `task.v` are not read.
void AttentionForwardBfloat16(Workspace& workspace, const AttentionTask& task,
                              const KeyValueView& kept, MatrixView out);

void AttentionBackward(Workspace& workspace, const AttentionTask& task,
                       const AttentionTaskGradients& gradients);

}  // namespace attune
