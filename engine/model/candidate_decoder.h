#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/attention_block.h"
#include "engine/model/config.h"

namespace attune {

/// N_dec blocks in which every candidate attends to the user's encoded history
/// (its memory) and to a context token, never to other candidates.
class CandidateDecoder {
 public:
  CandidateDecoder(ParameterLayout& layout, const ModelConfig& config);

  absl::Status Prepare(const Backend& backend, Precision precision,
                       bool training);
  absl::Status SetWeights(std::span<const float> values);
  int blocks() const { return static_cast<int>(blocks_.size()); }

  /// First-block query projections [N, D] of item vectors: stored per item.
  absl::Status ProjectItems(ExecutionContext& context,
                            std::span<const float> values, ConstMatrixView x,
                            MatrixView q) const;

  /// What a request's context adds to the context token and, in the fusion, to
  /// the user vector, [D], from its tokens (rows of the context table) and the
  /// vector [D] of its text as ItemEncoder makes it (empty: there is none).
  /// Zero for none, and where nothing was learned: an untrained one changes
  /// nothing.
  void ContextVector(std::span<const float> values,
                     std::span<const int32_t> tokens,
                     std::span<const float> text, std::span<float> out) const;
  void ContextVectorBackward(std::span<const float> dout,
                             std::span<const int32_t> tokens,
                             std::span<const float> text,
                             std::span<float> gradients) const;

  /// The context token [1, D] from the clock features [5] and the user's
  /// tokens (rows of the user table).
  void ContextToken(std::span<const float> values, std::span<const float> clock,
                    std::span<const int32_t> user_tokens,
                    std::span<float> token) const;

  /// Writes keys and values of memory rows [M, D] to rows [at, at + M) of every
  /// block's cache.
  absl::Status AppendMemory(ExecutionContext& context, ConstMatrixView memory,
                            std::span<const KeyValueView> caches,
                            int64_t at) const;

  /// z [C, D] from item vectors x and their stored projections q; memory_rows
  /// rows of the caches are attended to. Times may be empty.
  absl::Status Decode(ExecutionContext& context, std::span<const float> values,
                      ConstMatrixView x, ConstMatrixView q,
                      std::span<const KeyValueView> caches, int64_t memory_rows,
                      std::span<const int64_t> query_time_ms,
                      std::span<const int64_t> key_time_ms, MatrixView z) const;

  /// First-block attention, mean over heads: weights [C, memory_rows].
  absl::Status Weights(ExecutionContext& context, std::span<const float> values,
                       ConstMatrixView q, std::span<const KeyValueView> caches,
                       int64_t memory_rows,
                       std::span<const int64_t> query_time_ms,
                       std::span<const int64_t> key_time_ms,
                       MatrixView weights) const;

  /// Training: candidates of several groups, packed; `context_rows` lists the
  /// memory rows that hold a group's context token.
  struct Saved {
    std::vector<AttentionBlock::Saved> blocks;
    MatrixView final_states;
  };
  absl::Status Forward(ExecutionContext& context, std::span<const float> values,
                       ConstMatrixView x, ConstMatrixView memory,
                       const BlockContext& block, float dropout, Rng& rng,
                       Saved& saved, MatrixView z) const;
  /// dz is consumed; dx [C, D] and dmemory [M, D] are added to.
  absl::Status Backward(ExecutionContext& context,
                        std::span<const float> values, const Saved& saved,
                        const BlockContext& block, MatrixView dz, MatrixView dx,
                        MatrixView dmemory, std::span<float> gradients) const;
  void ContextTokenBackward(std::span<const float> dtoken,
                            std::span<const float> clock,
                            std::span<const int32_t> user_tokens,
                            std::span<float> gradients) const;

 private:
  const ParameterLayout* layout_;
  ModelConfig config_;
  ParameterId context_base_, context_clock_, user_table_;
  // In models that take a context.
  std::optional<ParameterId> context_table_, context_text_;
  std::vector<AttentionBlock> blocks_;
  LayerNormLayer final_norm_;
};

/// Number of clock features of the context token; features::Pipeline's
/// ClockFeatures writes them.
inline constexpr int kClockFeatures = 5;

}  // namespace attune
