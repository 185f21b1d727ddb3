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
#include "engine/train/evaluator.h"
#include "engine/train/options.h"
#include "engine/train/trainer_state.h"
#include "engine/train/training_data.h"

namespace attune {

/// One epoch's outcome.
struct EpochReport {
  int stage = 0;
  int epoch = 0;
  double loss = 0;
  /// Validation NDCG@10, unseen.
  double ndcg = 0;
  /// Decoder stage of logs with impressions: NetworkEvaluator::TaskMetric.
  double gauc = 0;
  /// What epochs are compared by: the sum of the two.
  double metric = 0;
  double best_metric = 0;
  int epochs_left = 0;  ///< that the stage may still run
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

  /// InvalidArgument for options out of range; `options.threads`, the number of
  /// shards of a step, must not be 0.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const ModelConfig& config, const TrainOptions& options,
      const Backend& backend, TrainingData data, ThreadPool& pool);
  ~Trainer();

  /// Continues from `state` (a fresh one has no values, that of a continued
  /// model nothing but values) to the end. Calls
  /// `on_epoch` after each epoch: write a checkpoint or show progress; an error
  /// of it ends the training. Cancelled when the data's flag is set, at the
  /// next step: `state` is then somewhere in an epoch, to be thrown away.
  absl::Status Run(TrainerState& state, const EpochFunction& on_epoch);

  /// Validation NDCG@10 (unseen) of each choice with the given values; used to
  /// choose the fusion weight.
  absl::StatusOr<std::vector<double>> Validate(
      std::span<const float> values, std::span<const FusionChoice> choices);
  /// Evaluator::TestRanks with these weights.
  absl::StatusOr<std::vector<TargetRanks>> TestRanks(
      std::span<const float> values, const FusionChoice& choice);

  /// Logits of impressions with the given values.
  absl::StatusOr<TaskScores> ScoreImpressions(
      std::span<const float> values, std::span<const ImpressionCase> cases,
      FusionMode mode);

  /// Mean over the tasks of the GAUC on the validation impressions; 0 where
  /// there are none.
  absl::StatusOr<double> TaskMetric(std::span<const float> values,
                                    FusionMode mode);

  const Network& network() const;
  /// What a fresh training starts from.
  std::vector<float> InitialValues() const;

 private:
  struct Impl;
  explicit Trainer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune
