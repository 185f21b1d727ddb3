#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/train/evaluation_report.h"
#include "engine/train/options.h"
#include "engine/train/split.h"
#include "engine/train/trainer.h"
#include "storage/database.h"

namespace attune {

struct TrainModelOptions {
  std::string output;  ///< the model directory to publish to
  TrainConfig config;
  SplitOptions split;
  std::string backend;  ///< see MakeBackend
  /// A model to continue instead of beginning anew: its architecture (and not
  /// config.model), its vocabulary of texts and its weights; items and users
  /// may have come since. A result that ranks the validation targets worse than
  /// it does is refused.
  std::shared_ptr<const Model> from;
  /// Unix ms. With `from`: only events at or behind this time are trained on,
  /// each with the whole history before it.
  std::optional<int64_t> since_ms;
  /// Go on from `<output>.checkpoint`, where there is one for the same data and
  /// configuration; without it an old checkpoint is overwritten.
  bool resume = false;
  /// Only `validation_metric` is wanted: no test figures, and no model is
  /// written.
  bool measure_only = false;
  /// Taken instead of the choice on validation: for benches and tests that
  /// need a model with a known fusion.
  std::optional<FusionChoice> force_fusion;
  const std::atomic<bool>* cancelled = nullptr;
  /// Called after each epoch; may be empty.
  std::function<void(const EpochReport&)> on_epoch;
};

struct TrainModelResult {
  std::string version;
  EvaluationReport report;     ///< on the held-out test targets
  FusionChoice fusion;         ///< chosen on validation, or forced
  double validation_ndcg = 0;  ///< NDCG@10, unseen, of that choice
  /// The same plus the tasks' mean GAUC where validation has impressions.
  double validation_metric = 0;
  double seconds = 0;
};

/// Trains on a database's logs and writes a model directory: reads and encodes
/// the data, trains both stages, chooses on validation which parts of the
/// fusion help, evaluates the held-out targets beside popularity and kNN, and
/// adds golden requests. A checkpoint is written after every epoch and removed
/// at the end. Cancelled when asked to stop, within a step: the checkpoint of
/// the epochs before stays, and the message says which is the last of them.
/// FailedPrecondition where a continued model is not to be had from the data,
/// or came out worse.
absl::StatusOr<TrainModelResult> TrainModel(storage::Database& database,
                                            const TrainModelOptions& options);

}  // namespace attune
