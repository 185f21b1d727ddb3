#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attention/backend.h"
#include "base/parallel.h"
#include "engine/model/network.h"
#include "engine/train/decoder_step.h"
#include "engine/train/evaluator.h"
#include "engine/train/example_features.h"
#include "engine/train/match_step.h"
#include "engine/train/options.h"
#include "engine/train/split.h"

namespace attune {

/// Everything a trainer reads. All must outlive it.
struct TrainingData {
  const Dataset* dataset = nullptr;
  const Split* split = nullptr;
  const Catalogue* catalogue = nullptr;
  const ExampleFeatures* features = nullptr;
  /// Dataset action to ModelConfig::actions index.
  std::vector<int32_t> actions;
  /// Loss weight of a target by dataset action; empty: all 1.
  std::vector<float> action_weights;
  /// Dataset task bit to ModelConfig::tasks index, -1 = not a task.
  std::vector<int32_t> tasks;
};

/// Where training stands; all that a resume needs, since every random stream is
/// derived from (seed, stage, epoch, step, shard).
struct TrainerState {
  int stage = 0;  ///< 0 match, 1 decoder, 2 done
  int epoch = 0;  ///< finished epochs of the stage
  int64_t step = 0;
  int stale_epochs = 0;
  double best_metric = -1;
  std::vector<float> values, best_values;
  std::vector<float> average;  ///< of values; empty without average_decay
  std::vector<float> first_moment, second_moment;
};

/// One epoch's outcome.
struct EpochReport {
  int stage = 0;
  int epoch = 0;
  double loss = 0;
  /// Validation NDCG@10, unseen; in the decoder stage plus TaskMetric.
  double metric = 0;
  double best_metric = 0;
  double seconds = 0;
  double tokens_per_second = 0;
};

/// Trains a network in two stages: the match part (item and history encoder) by
/// the next-item softmax at every position, stopped early on validation
/// NDCG@10; then, on top of it frozen, decoder and fusion from sampled targets
/// and impressions. Same seed, data, ISA and thread count give the same bytes.
class Trainer {
 public:
  using EpochFunction =
      std::function<absl::Status(const EpochReport&, const TrainerState&)>;

  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const ModelConfig& config, const TrainOptions& options,
      const Backend& backend, TrainingData data, ThreadPool& pool);
  ~Trainer();

  /// Continues from `state` (a fresh one has no values) to the end. Calls
  /// `on_epoch` after each epoch: write a checkpoint, show progress, or return
  /// an error (Cancelled) to stop.
  absl::Status Run(TrainerState& state, const EpochFunction& on_epoch);

  /// Validation NDCG@10 (unseen) of each choice with the given values; used to
  /// choose the fusion weight.
  absl::StatusOr<std::vector<double>> Validate(
      std::span<const float> values, std::span<const FusionChoice> choices) {
    return ValidateAmong(values, choices, rerank());
  }
  /// Ranks of the given cases; `exclude_seen` as in Evaluator::Options.
  absl::StatusOr<std::vector<std::vector<TargetRanks>>> Rank(
      std::span<const float> values, std::span<const EvalCase> cases,
      std::span<const FusionChoice> choices, bool exclude_seen) {
    return RankAmong(values, cases, choices, exclude_seen, rerank());
  }

  /// Logits of impressions with the given values.
  absl::StatusOr<TaskScores> ScoreImpressions(
      std::span<const float> values, std::span<const ImpressionCase> cases,
      FusionMode mode);

  /// Mean over the tasks of the GAUC on the validation impressions; 0 where
  /// there are none.
  absl::StatusOr<double> TaskMetric(std::span<const float> values,
                                    FusionMode mode);

  const Network& network() const;

 private:
  struct Impl;
  int rerank() const;
  // The `rerank` best of the match term go through the fusion.
  absl::StatusOr<std::vector<double>> ValidateAmong(
      std::span<const float> values, std::span<const FusionChoice> choices,
      int rerank);
  absl::StatusOr<std::vector<std::vector<TargetRanks>>> RankAmong(
      std::span<const float> values, std::span<const EvalCase> cases,
      std::span<const FusionChoice> choices, bool exclude_seen, int rerank);
  explicit Trainer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune
