#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/parallel.h"
#include "engine/train/decoder_sampler.h"
#include "engine/train/decoder_step.h"
#include "engine/train/options.h"
#include "engine/train/training_data.h"
#include "engine/train/training_shard.h"

namespace attune {

/// A batch of the decoder stage: encodes the rows with the frozen match part,
/// draws candidates and impressions, and runs decoder and fusion forward and
/// back. All references must outlive it.
class DecoderStage {
 public:
  DecoderStage(const Network& network, const TrainingData& data,
               const TrainOptions& options);

  /// The item vectors of the frozen match part, x [2N, D]: of all items, then
  /// as if they had no ids. Before the first step.
  void SetItems(std::vector<float> x) { x_ = std::move(x); }

  /// Step `number` of the stage. Leaves the gradients of
  /// the decoder's part in the shards; returns the loss.
  absl::StatusOr<double> Run(std::span<const TrainingSequence> batch,
                             int64_t number, std::span<const float> values,
                             std::span<TrainingShard> shards, ThreadPool& pool);

  /// Offset of the first parameter that this stage trains.
  int64_t first_value() const { return first_value_; }

 private:
  const Network& network_;
  const TrainingData& data_;
  const TrainOptions& options_;
  DecoderStep step_;
  DecoderSampler sampler_;
  int64_t first_value_;
  std::vector<int32_t> identity_;  // all items are active
  std::vector<float> x_;           // [2N, D]
};

}  // namespace attune
