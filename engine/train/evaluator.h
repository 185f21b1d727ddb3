#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel_flag.h"
#include "base/parallel.h"
#include "engine/model/scorer.h"
#include "engine/train/example_features.h"
#include "engine/train/metrics.h"
#include "engine/train/split.h"
#include "engine/train/task_report.h"

namespace attune {

/// One way to make a final score: match + weight · fusion(mode).
struct FusionChoice {
  FusionMode mode = FusionMode::kNone;
  float weight = 0;
  /// Of TestRanks(): false asks without the cases' contexts.
  bool with_context = true;
};

/// Ranks the targets of evaluation cases among a split's candidates with the
/// network as serving runs it (Scorer): the `rerank` best of the match term go
/// through the fusion, the rest keep their place behind them.
class Evaluator {
 public:
  struct Options {
    int rerank = 1000;
    /// Serving takes seen items out before the choice of the best.
    bool exclude_seen = true;
    /// False: asks without the cases' contexts.
    bool with_context = true;
  };
  /// All must outlive the evaluator. `actions` maps dataset actions to the
  /// model's.
  Evaluator(const Scorer& scorer, const Split& split,
            const ExampleFeatures& features, std::span<const int32_t> actions,
            ThreadPool& pool);

  /// x, q [N, D] of all items, by dataset index.
  void SetItems(ConstMatrixView x, ConstMatrixView q) {
    x_ = x;
    q_ = q;
  }

  /// Rank() and ScoreImpressions() look at it before every case.
  void SetCancelled(CancelFlag cancelled) { cancelled_ = cancelled; }

  /// Ranks of every case's target: result[choice][case]. Choices with weight 0
  /// or mode kNone are the match term alone.
  absl::StatusOr<std::vector<std::vector<TargetRanks>>> Rank(
      std::span<const EvalCase> cases, std::span<const FusionChoice> choices,
      const Options& options) const;

  /// Ranks of the split's test targets in its order: `all` where seen items
  /// compete for the `rerank` places, `unseen` where they are taken out before.
  absl::StatusOr<std::vector<TargetRanks>> TestRanks(const FusionChoice& choice,
                                                     int rerank) const;

  /// Scores impressions at the time when they were shown, each with the events
  /// before it. `tasks` maps the dataset's tasks to the model's (-1: not one;
  /// its logits are 0).
  absl::StatusOr<TaskScores> ScoreImpressions(
      const Dataset& dataset, std::span<const ImpressionCase> cases,
      std::span<const int32_t> tasks, FusionMode mode) const;

 private:
  struct Worker;
  /// Encodes the request, from the worker's state on if it holds a part of the
  /// prefix.
  absl::StatusOr<Scorer::Encoded> Encode(
      Worker& worker, const ExampleFeatures::Request& request,
      std::span<float> user_vector) const;
  absl::Status ScoreCase(Worker& worker, const Dataset& dataset,
                         const ImpressionCase& c,
                         std::span<const int32_t> tasks, FusionMode mode,
                         int64_t first_row, TaskScores& scores) const;
  /// `run`(worker, i) of every i < `count`, by the pool; the first error, or
  /// Cancelled. One worker, with its scratch, serves many cases.
  template <typename Run>
  absl::Status ForEachCase(size_t count, const Run& run) const;
  absl::Status RankOne(Worker& worker, const EvalCase& c,
                       std::span<const FusionChoice> choices,
                       const Options& options,
                       std::span<TargetRanks> ranks) const;

  const Scorer& scorer_;
  const Split& split_;
  const ExampleFeatures& features_;
  std::span<const int32_t> actions_;
  ThreadPool& pool_;
  ConstMatrixView x_, q_;
  CancelFlag cancelled_;
};

}  // namespace attune
