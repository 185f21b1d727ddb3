#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/attention_block.h"
#include "engine/model/config.h"

namespace attune {

/// Inputs of history rows, one per event (or the start row), packed.
struct HistoryRows {
  std::span<const int32_t> action;    ///< [N] index into ModelConfig::actions
  std::span<const int32_t> gap;       ///< [N] bucket of the time to the next
  std::span<const uint8_t> is_start;  ///< [N] or empty: learned start row
};

/// N_enc causal self-attention blocks over a history. Row i is event i with the
/// time of event i + 1 and sees events <= i only, so all rows but the newest
/// are final and can be kept.
class HistoryEncoder {
 public:
  HistoryEncoder(ParameterLayout& layout, const ModelConfig& config);

  absl::Status Prepare(const Backend& backend, Precision precision,
                       bool training);
  absl::Status SetWeights(std::span<const float> values);

  /// Bucket of the embedding for the time to the next event; 0 = unknown.
  int GapBucket(int64_t time_ms, int64_t next_time_ms, bool known) const;

  /// rows += embeddings of action and gap; a start row is replaced. rows [N, D]
  /// hold the item vectors.
  void EmbedInputs(std::span<const float> values, const HistoryRows& inputs,
                   MatrixView rows) const;

  /// Inference: encodes rows [count, count + M) behind `count` kept ones (see
  /// AttentionBlock::AppendRows), one cache per block. Out:
  /// `memory` [M, D] for the decoder, `user` [1, D] the standardised user
  /// vector of the newest row.
  absl::Status Append(ExecutionContext& context, std::span<const float> values,
                      MatrixView rows, std::span<const KeyValueView> caches,
                      int64_t count, std::span<const int64_t> query_time_ms,
                      std::span<const int64_t> key_time_ms, MatrixView memory,
                      MatrixView user) const;

  struct Saved {
    std::vector<AttentionBlock::Saved> blocks;
    std::span<uint8_t> input_mask;
    MatrixView final_states;
    float dropout = 0;
  };

  /// Training. `rows` [N, D] are consumed (dropout in place).
  absl::Status Forward(ExecutionContext& context, std::span<const float> values,
                       MatrixView rows, const BlockContext& block,
                       float dropout, Rng& rng, Saved& saved, MatrixView memory,
                       MatrixView user) const;
  /// dmemory and duser are gradients (consumed); drows [N, D] is the gradient
  /// of the item vectors' part of the rows, overwritten.
  absl::Status Backward(ExecutionContext& context,
                        std::span<const float> values, const Saved& saved,
                        const BlockContext& block, const HistoryRows& inputs,
                        MatrixView dmemory, MatrixView duser, MatrixView drows,
                        std::span<float> gradients) const;

 private:
  const ParameterLayout* layout_;
  ModelConfig config_;
  ParameterId action_table_, gap_table_, start_row_;
  std::vector<AttentionBlock> blocks_;
  LayerNormLayer memory_norm_;
};

}  // namespace attune
