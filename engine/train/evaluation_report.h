#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/execution_context.h"
#include "base/parallel.h"
#include "engine/train/catalogue.h"
#include "engine/train/dataset.h"
#include "engine/train/metrics.h"
#include "engine/train/split.h"
#include "engine/train/task_report.h"

namespace attune {

/// One ranker's test metrics: a row of the table that train and evaluate print.
struct EvaluationRow {
  std::string name;
  std::string setting;
  struct AtK {
    int k = 0;
    double hit_rate_all = 0, ndcg_all = 0;
    double hit_rate_unseen = 0, ndcg_unseen = 0;
    double ndcg_unseen_error = 0;  ///< standard error
  };
  std::vector<AtK> at_k;
};

struct EvaluationReport {
  std::string protocol;
  std::string data_fingerprint;  ///< Dataset::Fingerprint()
  int64_t cases = 0;
  int32_t candidates = 0;  ///< Split::candidates()
  int32_t items = 0;       ///< of the database, with events or without
  std::vector<EvaluationRow> rows;
  /// Time split of logs with impressions: the test window's, as shown.
  std::vector<TaskRow> tasks;

  /// Null where there is no row of that name.
  const EvaluationRow* Find(std::string_view name) const;
};

/// A report without rows about a split of `dataset`.
EvaluationReport StartReport(const Dataset& dataset, const Split& split);

/// A row from the ranks of the test targets.
EvaluationRow MakeEvaluationRow(std::string name, std::string setting,
                                std::span<const TargetRanks> ranks,
                                std::span<const int> ks);

/// Rows of popularity, of both kNN, and, where all is timed, of the popularity
/// of the last hours; for items without events also of their texts' cosine.
absl::StatusOr<std::vector<EvaluationRow>> BaselineRows(
    const Split& split, const Catalogue& catalogue, std::span<const int> ks,
    const ExecutionContext& context, ThreadPool& pool);

/// Rows of the impressions of the test window: each item's rate in the training
/// part, then the model, whose scores these are.
std::vector<TaskRow> ImpressionRows(const Dataset& dataset, const Split& split,
                                    const TaskScores& scores);

}  // namespace attune
