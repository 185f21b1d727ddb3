#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/network.h"
#include "engine/train/match_step.h"
#include "features/context_features.h"

namespace attune {

/// Candidates of one moment of one sequence: what the decoder stage learns
/// from.
struct DecoderGroup {
  int64_t first_row = 0, last_row = 0;  ///< encoded rows it sees, inclusive
  bool start = false;  ///< the one row is that of an empty history
  int64_t now_ms = 0;
  std::span<const int32_t> user_tokens;
  const features::ContextFeatures* context = nullptr;  ///< null: none
  float clock[5] = {};
  int64_t begin = 0, end = 0;  ///< candidates
  bool impression = false;     ///< labels by task; else candidate 0 is the next
  float weight = 1;            ///< in the next-item loss
};

/// Groups of one shard over the rows of a MatchBatch.
struct DecoderBatch {
  std::vector<DecoderGroup> groups;
  /// [C] rows of Inputs::x: a dataset item, or N behind it as if it were new.
  std::vector<int32_t> item;
  std::vector<float> log_weight;   ///< [C] log(1 / expected draws) of negatives
  std::vector<uint32_t> followed;  ///< [C] bit t: task t followed (impressions)
  std::vector<float> dense;        ///< [C, dense_width]

  void Clear();
};

/// The second training stage of one shard: the decoder and the fusion network
/// on top of a frozen match part. "next" learns from a sampled softmax over
/// match + fusion (negatives weighted by their inverse draw rate, Bengio and
/// Senécal 2008), the other tasks from impressions by binary cross-entropy.
class DecoderStep {
 public:
  explicit DecoderStep(const Network& network) : network_(network) {}

  /// Final states and user vectors of the batch's rows, without dropout.
  absl::Status EncodeRows(ExecutionContext& context,
                          std::span<const float> values, ConstMatrixView x,
                          const MatchBatch& batch, float dropout, Rng& rng,
                          MatrixView memory, MatrixView user) const;

  struct Inputs {
    std::span<const float> values;
    ConstMatrixView x;  ///< [2N, D] all items, then without their ids
    ConstMatrixView memory, user;          ///< [rows, D] of EncodeRows
    std::span<const int64_t> key_time_ms;  ///< [rows]; empty without time
    float next_scale = 1;  ///< 1 / groups of that kind in the batch
    float impression_scale = 1;
    float dropout = 0;
    float z_dropout = 0;  ///< groups that see no decoder state
  };
  /// Returns the loss; parameter gradients are added to.
  absl::StatusOr<double> Run(ExecutionContext& context,
                             const DecoderBatch& batch, const Inputs& inputs,
                             Rng& rng, std::span<float> gradients) const;

 private:
  // The groups' context vectors (CandidateDecoder) [groups, D], and those of
  // their texts.
  struct Contexts {
    MatrixView text;              // [texts, D]
    std::span<int32_t> text_row;  // [groups], -1: no text
    MatrixView moved;             // [groups, D]; empty: no group has a context
    std::span<const float> TextOf(size_t group) const {
      if (text_row[group] < 0) return {};
      return text.row_span(text_row[group]);
    }
  };
  absl::Status EncodeContexts(ExecutionContext& context,
                              const DecoderBatch& batch,
                              std::span<const float> values,
                              Contexts& contexts) const;
  double LossAndGradient(const DecoderBatch& batch, const Inputs& inputs,
                         std::span<const float> match, ConstMatrixView out,
                         MatrixView dout, std::span<float> gradients) const;
  const Network& network_;
};

}  // namespace attune
