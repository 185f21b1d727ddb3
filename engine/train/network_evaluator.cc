#include "engine/train/network_evaluator.h"

#include <utility>

#include "base/status_macros.h"
#include "engine/train/item_pass.h"

namespace attune {

NetworkEvaluator::NetworkEvaluator(const ModelConfig& config,
                                   const TrainingData& data, ThreadPool& pool)
    : data_(data),
      pool_(pool),
      network_(config),
      x_(static_cast<size_t>(data.split->item_count()) * config.width),
      q_(x_.size()) {}

ConstMatrixView NetworkEvaluator::View(const std::vector<float>& floats) const {
  return ConstMatrixView(floats.data(),
                         {data_.split->item_count(), network_.config().width});
}

absl::Status NetworkEvaluator::SetWeights(std::span<const float> values) {
  absl::Status status;
  RunSerial([&] {
    Workspace::Scope scope(context_.workspace);
    status = network_.SetWeights(context_, values);
  });
  return status;
}

absl::StatusOr<std::vector<float>> NetworkEvaluator::EncodeItemsTwice(
    std::span<const float> values) {
  ATTUNE_RETURN_IF_ERROR(SetWeights(values));
  return ItemPass::EncodeTwice(pool_, network_, values, *data_.catalogue);
}

absl::Status NetworkEvaluator::EncodeItems(std::span<const float> values) {
  ATTUNE_RETURN_IF_ERROR(SetWeights(values));
  const int64_t count = data_.split->item_count();
  const int64_t width = network_.config().width;
  return ItemPass::EncodeAll(pool_, network_, values, *data_.catalogue,
                             MatrixView(x_.data(), {count, width}),
                             MatrixView(q_.data(), {count, width}));
}

template <typename Use>
auto NetworkEvaluator::With(std::span<const float> values, Use use)
    -> decltype(use(std::declval<const Evaluator&>())) {
  ATTUNE_RETURN_IF_ERROR(EncodeItems(values));
  const Scorer scorer(network_, values);
  Evaluator evaluator(scorer, *data_.split, *data_.features, data_.actions,
                      pool_);
  evaluator.SetItems(View(x_), View(q_));
  evaluator.SetCancelled(data_.cancelled);
  return use(evaluator);
}

absl::StatusOr<std::vector<TargetRanks>> NetworkEvaluator::TestRanks(
    std::span<const float> values, const FusionChoice& choice, int rerank) {
  return With(values, [&](const Evaluator& evaluator) {
    return evaluator.TestRanks(choice, rerank);
  });
}

absl::StatusOr<TaskScores> NetworkEvaluator::ScoreImpressions(
    std::span<const float> values, std::span<const ImpressionCase> cases,
    FusionMode mode) {
  return With(values, [&](const Evaluator& evaluator) {
    return evaluator.ScoreImpressions(*data_.dataset, cases, data_.tasks, mode);
  });
}

absl::StatusOr<double> NetworkEvaluator::TaskMetric(
    std::span<const float> values, FusionMode mode) {
  const auto cases = data_.split->validation_impressions();
  if (cases.empty() || network_.config().tasks.size() < 2) return 0;
  ATTUNE_ASSIGN_OR_RETURN(const TaskScores scores,
                          ScoreImpressions(values, cases, mode));
  const std::vector<TaskRow> rows = TaskRows("", *data_.dataset, cases, scores);
  // A task that few users have both labels of is mostly noise.
  double sum = 0, users = 0;
  for (const TaskRow& row : rows) {
    sum += row.gauc * static_cast<double>(row.users);
    users += static_cast<double>(row.users);
  }
  return users > 0 ? sum / users : 0;
}

absl::StatusOr<std::vector<double>> NetworkEvaluator::ValidationNdcg(
    std::span<const float> values, std::span<const FusionChoice> choices,
    int rerank) {
  ATTUNE_ASSIGN_OR_RETURN(
      const auto ranks, With(values, [&](const Evaluator& evaluator) {
        return evaluator.Rank(data_.split->validation(), choices,
                              {.rerank = rerank, .exclude_seen = true});
      }));
  std::vector<double> metrics;
  for (const std::vector<TargetRanks>& list : ranks) {
    metrics.push_back(UnseenNdcg(list, 10));
  }
  return metrics;
}

}  // namespace attune
