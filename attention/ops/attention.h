#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "attention/ops/key_value_view.h"
#include "attention/precision.h"
#include "base/execution_context.h"
#include "base/tensor_view.h"

namespace attune {

struct AttentionSpec {
  int heads = 1;
  int head_width = 0;          ///< D = heads * head_width
  int relative_positions = 0;  ///< R: length of the position bias; 0 = none
  int time_buckets = 0;        ///< B: length of the time bias; 0 = none
  Precision precision = Precision::kF32;
};

/// Rows of one sequence in the packed matrices: queries
/// [query_begin, query_begin + query_count) attend to keys
/// [key_begin, key_begin + key_count).
struct AttentionSequence {
  int64_t query_begin = 0, query_count = 0;
  int64_t key_begin = 0, key_count = 0;
};

/// Inputs of one call; packed sequences of different lengths, no padding.
struct AttentionInput {
  ConstMatrixView q;  ///< [Nq, D], head h in columns [h*dh, (h+1)*dh)
  ConstMatrixView k;  ///< [Nk, D]
  ConstMatrixView v;  ///< [Nk, D]
  std::span<const AttentionSequence> sequences;
  /// visible[i], per query row [Nq]: query i sees the first visible[i] keys of
  /// its sequence (0 gives a zero output row). Empty: all keys of it. Causal
  /// self attention is visible[i] = i + 1.
  std::span<const int32_t> visible;
  /// Learned biases, added to the logits. position_bias [heads, R]: entry
  /// min(R - 1, visible_i - 1 - j) for key j: 0 is the newest visible key.
  ConstMatrixView position_bias;
  /// time_bias [heads, B]: entry TimeBucket(query_time_i - key_time_j, B).
  /// Milliseconds. Used only when all three are non-empty.
  ConstMatrixView time_bias;
  std::span<const int64_t> query_time_ms;  ///< [Nq]
  std::span<const int64_t> key_time_ms;    ///< [Nk]
};

/// Bucket of a time difference: 0 for <= 1 s, then two per doubling of the
/// seconds, at most buckets - 1 (64 buckets reach over 136 years).
int TimeBucket(int64_t difference_ms, int buckets);

struct AttentionGradients {
  MatrixView dq, dk, dv;      ///< added to; zero them first
  MatrixView dposition_bias;  ///< added to; may be empty
  MatrixView dtime_bias;      ///< added to; may be empty
};

/// Multi-head softmax attention (Vaswani et al. 2017, section 3.2):
/// out_i = sum_j softmax_j(q_i k_j / sqrt(dh) + biases) v_j, per head.
///
/// A query's result is bit-identical whatever the other queries, their number
/// and their order. Thread-safe, const; one ExecutionContext per thread.
class Attention {
 public:
  virtual ~Attention() = default;
  virtual const AttentionSpec& spec() const = 0;

  /// out [Nq, D]. `log_sum_exp` [Nq, heads] may be empty; Backward needs it.
  virtual absl::Status Forward(ExecutionContext& context,
                               const AttentionInput& input, MatrixView out,
                               MatrixView log_sum_exp = {}) const = 0;

  /// Forward of one sequence over the first rows of `kept`, bfloat16 (for
  /// kBf16 only): input.k and input.v have as many rows, but are not read. What
  /// Forward gives for the same rounded rows.
  virtual absl::Status ForwardKept(ExecutionContext& context,
                                   AttentionInput input,
                                   const KeyValueView& kept,
                                   MatrixView out) const;

  /// out and log_sum_exp as Forward wrote them; dout [Nq, D].
  virtual absl::Status Backward(ExecutionContext& context,
                                const AttentionInput& input,
                                ConstMatrixView out,
                                ConstMatrixView log_sum_exp,
                                ConstMatrixView dout,
                                const AttentionGradients& gradients) const = 0;

  /// Mean over heads of the attention weights, one row per query of the single
  /// sequence in `input`: weights [Nq, key_count]. For explanations, not speed.
  virtual absl::Status Weights(ExecutionContext& context,
                               const AttentionInput& input,
                               MatrixView weights) const = 0;
};

}  // namespace attune
