#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/execution_context.h"
#include "base/parallel.h"
#include "engine/model/network.h"
#include "engine/train/decoder_sampler.h"
#include "engine/train/decoder_step.h"
#include "engine/train/match_step.h"
#include "engine/train/training_data.h"

namespace attune {

/// One thread's part of a batch and what it makes of it. The number of shards,
/// not of threads, decides the bits of a sum.
struct TrainingShard {
  ExecutionContext context;
  MatchBatch rows;
  DecoderBatch groups;
  DecoderSampler::Scratch scratch;
  std::vector<float> gradients;  ///< the network's layout
  std::vector<float> dx;         ///< [active items, D]
  double loss = 0;
  absl::Status status;
};

/// Deals a batch out: longest first to the emptiest shard. `active` maps
/// dataset item to active index; `with_last` adds a row for what was shown
/// behind a piece's last event.
void FillShards(const Network& network, const TrainingData& data,
                std::span<const TrainingSequence> batch,
                std::span<const int32_t> active, bool with_last,
                std::span<TrainingShard> shards);

/// The sum of the losses, or the first shard's error.
absl::StatusOr<double> SumLosses(std::span<const TrainingShard> shards);

/// Adds floats [begin, end) of all gradients into those of shard 0.
void ReduceGradients(int64_t begin, int64_t end,
                     std::span<TrainingShard> shards, ThreadPool& pool);

}  // namespace attune
