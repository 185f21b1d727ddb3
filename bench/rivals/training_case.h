#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attention/backend.h"
#include "base/parallel.h"
#include "engine/model/network.h"
#include "engine/train/decoder_stage.h"
#include "engine/train/match_stage.h"
#include "engine/train/options.h"
#include "engine/train/sequence_batches.h"
#include "engine/train/trainer_state.h"
#include "engine/train/training_set.h"
#include "engine/train/training_shard.h"
#include "engine/train/weight_update.h"

namespace attune {

/// The trainer on one database, step by step and open to inspection: what
/// Trainer does between two validations, by the same parts. For the comparison
/// with PyTorch. Not thread-safe.
class TrainingCase {
 public:
  /// `config_path` is a training configuration (`attune train --config`). The
  /// weights start as Trainer's do.
  static absl::StatusOr<std::unique_ptr<TrainingCase>> Open(
      const std::string& database, const std::string& config_path, int threads);

  /// Writes to a directory, which it makes, what a trainer elsewhere needs:
  ///   config.json, weights.safetensors   as in a model directory
  ///   training.json                      the options
  ///   items.safetensors, rows.safetensors  see training_tensors.h
  absl::Status Export(const std::string& directory) const;

  /// One step of both stages on the first batch of the first epoch, from random
  /// weights in which every parameter shows. Writes beside what Export writes
  ///   match.safetensors    rows as the step saw them
  ///   decoder.safetensors  rows and groups as the step saw them
  ///   match_gradients.safetensors, decoder_gradients.safetensors
  ///                        gradients by parameter, and `loss` [1, 1]
  /// FailedPrecondition where an option draws at random what PyTorch could not
  /// repeat: a dropout above 0.
  absl::Status WriteGradients(uint64_t seed, const std::string& directory);

  struct Progress {
    int64_t steps = 0;
    int64_t rows = 0;  ///< history rows of these steps
    int64_t ns = 0;
    double loss = 0;  ///< mean of the steps
  };
  /// `steps` more steps of the match stage.
  absl::StatusOr<Progress> Train(int64_t steps);

 private:
  TrainingCase(const TrainConfig& config, int threads)
      : config_(config), pool_(threads) {}
  absl::Status Prepare();
  absl::Status SetWeights();
  absl::Status WriteModel(const std::string& directory) const;
  absl::Status WriteMatch(const std::string& directory);
  absl::Status WriteDecoder(const std::string& directory);
  absl::Status WriteSums(int64_t begin, int64_t end, double loss,
                         const std::string& path);

  TrainConfig config_;
  ThreadPool pool_;
  std::unique_ptr<TrainingSet> set_;
  TrainingData data_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Network> network_;
  std::optional<SequenceBatches> batches_;
  std::unique_ptr<MatchStage> match_;
  std::unique_ptr<DecoderStage> decoder_;
  std::optional<WeightUpdate> update_;
  std::vector<TrainingShard> shards_;
  TrainerState state_;
  std::vector<SequenceBatches::Batch> epoch_;  // of state_.epoch
  size_t next_batch_ = 0;
};

}  // namespace attune
