#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "attention/backend.h"
#include "base/execution_context.h"
#include "base/parallel.h"
#include "engine/model/network.h"
#include "engine/train/evaluator.h"
#include "engine/train/training_data.h"

namespace attune {

/// Ranks with the weights of a training that goes on, by a network prepared as
/// serving prepares it. The data and the pool must outlive it. Not thread-safe.
class NetworkEvaluator {
 public:
  NetworkEvaluator(const ModelConfig& config, const TrainingData& data,
                   ThreadPool& pool);
  /// Enter through RunSerial().
  absl::Status Prepare(const Backend& backend) {
    return network_.Prepare(backend, /*training=*/false);
  }

  /// Vectors and query projections of all items with these weights.
  absl::Status EncodeItems(std::span<const float> values);
  /// ItemPass::EncodeTwice with these weights.
  absl::StatusOr<std::vector<float>> EncodeItemsTwice(
      std::span<const float> values);
  /// Evaluator::TestRanks with these weights.
  absl::StatusOr<std::vector<TargetRanks>> TestRanks(
      std::span<const float> values, const FusionChoice& choice, int rerank);
  /// Logits of impressions with these weights.
  absl::StatusOr<TaskScores> ScoreImpressions(
      std::span<const float> values, std::span<const ImpressionCase> cases,
      FusionMode mode);

  /// Validation NDCG@10 (unseen) of each choice.
  absl::StatusOr<std::vector<double>> ValidationNdcg(
      std::span<const float> values, std::span<const FusionChoice> choices,
      int rerank);
  /// Mean over the tasks of the GAUC on the validation impressions, each
  /// weighted by the users that have one; 0 where there are none.
  absl::StatusOr<double> TaskMetric(std::span<const float> values,
                                    FusionMode mode);

  const Network& network() const { return network_; }

 private:
  absl::Status SetWeights(std::span<const float> values);
  ConstMatrixView View(const std::vector<float>& floats) const;
  // Encodes the items and calls `use` with an Evaluator that holds them.
  template <typename Use>
  auto With(std::span<const float> values, Use use)
      -> decltype(use(std::declval<const Evaluator&>()));

  const TrainingData& data_;
  ThreadPool& pool_;
  Network network_;
  ExecutionContext context_;
  std::vector<float> x_, q_;
};

}  // namespace attune
