#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/layer_norm_layer.h"
#include "attention/modules/linear_layer.h"
#include "attention/modules/parameters.h"
#include "base/rng.h"

namespace attune {

struct AttentionBlockConfig {
  int width = 64;  ///< D
  int heads = 4;
  int feed_forward = 256;      ///< hidden width of the feed-forward part
  int relative_positions = 0;  ///< length of the learned position bias; 0 none
  int time_buckets = 0;        ///< length of the learned time bias; 0 none
  bool cross = false;          ///< keys and values come from a memory
};

/// Who sees what in one call; see AttentionInput for the meaning.
struct BlockContext {
  std::span<const AttentionSequence> sequences;
  std::span<const int32_t> visible;
  std::span<const int64_t> query_time_ms;
  std::span<const int64_t> key_time_ms;
};

/// Pre-norm transformer block (Xiong et al. 2020):
/// h = x + O(attention(Q(LN x), K(m), V(m))); y = h + W2 gelu(W1 LN(h)),
/// m = LN x (self) or the given memory (cross). Optional learned biases on the
/// relative position (T5-like, one per head) and on the time difference.
///
/// Inference and training are separate entries: training keeps activations and
/// applies dropout, inference fuses. Const calls are thread-safe with one
/// ExecutionContext each.
class AttentionBlock {
 public:
  AttentionBlock(ParameterLayout& layout, const std::string& name,
                 const AttentionBlockConfig& config);

  const AttentionBlockConfig& config() const { return config_; }

  absl::Status Prepare(const Backend& backend, Precision precision,
                       bool training);
  absl::Status SetWeights(std::span<const float> values);

  /// Normalised query projection Q(LN x) [M, D]: what depends on the rows
  /// alone. Stored with the item for the first decoder block.
  absl::Status ProjectQuery(ExecutionContext& context,
                            std::span<const float> values, ConstMatrixView x,
                            MatrixView q) const;

  /// Keys and values of memory rows [M, D] (cross blocks).
  absl::Status ProjectMemory(ExecutionContext& context, ConstMatrixView memory,
                             MatrixView k, MatrixView v) const;

  /// The same, written to rows [at, at + M) of a kept memory.
  absl::Status AppendMemory(ExecutionContext& context, ConstMatrixView memory,
                            const KeyValueView& kept, int64_t at) const;

  /// Inference, self attention over kept rows: x [M, D] are rows
  /// [count, count + M) of one sequence; their keys and values are written to
  /// those rows of `cache`, and every row attends to all rows up to itself.
  /// key_time_ms [count + M] and query_time_ms [M] may be empty. y [M, D] may
  /// be x. Row results do not depend on M.
  absl::Status AppendRows(ExecutionContext& context,
                          std::span<const float> values, ConstMatrixView x,
                          const KeyValueView& cache, int64_t count,
                          std::span<const int64_t> query_time_ms,
                          std::span<const int64_t> key_time_ms,
                          MatrixView y) const;

  /// Inference, cross attention: all rows x [C, D] with queries q [C, D]
  /// attend to the first `count` rows of `memory`. y may be x.
  absl::Status Decode(ExecutionContext& context, std::span<const float> values,
                      ConstMatrixView x, ConstMatrixView q,
                      const KeyValueView& memory, int64_t count,
                      std::span<const int64_t> query_time_ms,
                      std::span<const int64_t> key_time_ms, MatrixView y) const;

  /// Attention weights, mean over heads, of queries q [M, D]: [M, count].
  absl::Status Weights(ExecutionContext& context, std::span<const float> values,
                       ConstMatrixView q, const KeyValueView& memory,
                       int64_t count, std::span<const int64_t> query_time_ms,
                       std::span<const int64_t> key_time_ms,
                       MatrixView weights) const;

  /// What Backward needs; views into the context's workspace.
  struct Saved {
    ConstMatrixView x, memory;
    MatrixView normed, q, k, v, attended, log_sum_exp, middle, normed_middle,
        pre_activation, activated;
    std::span<uint8_t> attention_mask, feed_forward_mask;
    float dropout = 0;
  };

  /// Training. y must not overlap x. `memory` is empty for self attention.
  absl::Status Forward(ExecutionContext& context, std::span<const float> values,
                       ConstMatrixView x, ConstMatrixView memory,
                       const BlockContext& block, float dropout, Rng& rng,
                       Saved& saved, MatrixView y) const;

  /// dy is overwritten as scratch. dx [M, D] overwritten (may be dy); dmemory
  /// (cross) is added to; parameter gradients are added to.
  absl::Status Backward(ExecutionContext& context,
                        std::span<const float> values, const Saved& saved,
                        const BlockContext& block, MatrixView dy, MatrixView dx,
                        MatrixView dmemory, std::span<float> gradients) const;

 private:
  AttentionInput Input(std::span<const float> values, ConstMatrixView q,
                       ConstMatrixView k, ConstMatrixView v,
                       const BlockContext& block) const;
  // The first `count` kept rows as `input`'s one sequence.
  absl::Status AttendToKept(ExecutionContext& context,
                            std::span<const float> values, ConstMatrixView q,
                            const KeyValueView& kept, int64_t count,
                            const BlockContext& block,
                            MatrixView attended) const;
  absl::Status FinishInference(ExecutionContext& context,
                               std::span<const float> values, ConstMatrixView x,
                               ConstMatrixView attended, MatrixView y) const;

  const ParameterLayout* layout_;
  AttentionBlockConfig config_;
  LayerNormLayer query_norm_;
  LinearLayer query_, key_, value_, output_;
  LayerNormLayer middle_norm_;
  LinearLayer expand_, contract_;
  ParameterId position_bias_ = -1, time_bias_ = -1;
  std::unique_ptr<Attention> attention_;
  std::unique_ptr<Activation> gelu_;
};

}  // namespace attune
