#include "engine/train/evaluate_model.h"

#include <utility>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "engine/train/evaluator.h"
#include "engine/train/item_pass.h"
#include "engine/train/training_set.h"

namespace attune {

absl::StatusOr<EvaluationReport> EvaluateModel(
    storage::Database& database, const Model& model,
    const EvaluateModelOptions& options) {
  ExecutionContext context;
  context.cancelled = options.cancelled;
  ATTUNE_ASSIGN_OR_RETURN(
      auto set, LoadEvaluationSet(database, options.split, model, context));
  ThreadPool pool(options.threads);
  EvaluationReport report = StartReport(*set->dataset, *set->split);
  if (options.with_baselines) {
    ATTUNE_ASSIGN_OR_RETURN(
        report.rows,
        BaselineRows(*set->split, *set->catalogue, options.ks, context, pool));
  }

  const Network& network = model.scorer().network();
  const int64_t count = set->catalogue->size();
  const int64_t width = model.config().width;
  std::vector<float> x(static_cast<size_t>(count * width)), q(x.size());
  MatrixView x_view(x.data(), {count, width});
  MatrixView q_view(q.data(), {count, width});
  ATTUNE_RETURN_IF_ERROR(ItemPass::EncodeAll(
      pool, network, model.scorer().values(), *set->catalogue, x_view, q_view));
  const TrainingData data = set->DataFor(model.config());
  Evaluator evaluator(model.scorer(), *set->split, *set->features, data.actions,
                      pool);
  evaluator.SetItems(x_view, q_view);
  evaluator.SetCancelled(options.cancelled);
  const FusionChoice choice{model.config().fusion_mode,
                            model.config().fusion_weight};
  if (!set->contexts.empty() && model.pipeline().has_context()) {
    FusionChoice without = choice;
    without.with_context = false;
    ATTUNE_ASSIGN_OR_RETURN(const auto blind,
                            evaluator.TestRanks(without, options.rerank));
    report.rows.push_back(
        MakeEvaluationRow("without context", "", blind, options.ks));
  }
  ATTUNE_ASSIGN_OR_RETURN(const auto ranks,
                          evaluator.TestRanks(choice, options.rerank));
  report.rows.push_back(
      MakeEvaluationRow("model", model.version(), ranks, options.ks));
  std::span<const ImpressionCase> shown = set->split->test_impressions();
  if (model.config().tasks.size() > 1 && !shown.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const TaskScores scores,
                            evaluator.ScoreImpressions(
                                *set->dataset, shown, data.tasks, choice.mode));
    report.tasks = ImpressionRows(*set->dataset, *set->split, scores);
  }
  return report;
}

}  // namespace attune
