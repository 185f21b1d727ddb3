#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/config.h"
#include "engine/model/model.h"
#include "engine/train/as_of_counters.h"
#include "engine/train/catalogue.h"
#include "engine/train/dataset.h"
#include "engine/train/example_features.h"
#include "engine/train/options.h"
#include "engine/train/split.h"
#include "engine/train/trainer.h"
#include "features/pipeline.h"
#include "features/schema.h"
#include "storage/database.h"

namespace attune {

/// What training and evaluation read of a database, encoded for one model: a
/// fresh pipeline fitted on it, or that of an existing model.
struct TrainingSet {
  features::Schema schema;
  std::unique_ptr<Dataset> dataset;
  std::unique_ptr<Split> split;
  std::unique_ptr<features::Pipeline> pipeline;
  std::unique_ptr<Catalogue> catalogue;
  std::unique_ptr<AsOfCounters> counters;
  std::vector<features::UserFeatures> users;
  std::vector<features::ContextFeatures> contexts;  ///< Dataset::contexts()
  /// Dataset item of each id table row: those with training events.
  std::vector<int32_t> vocabulary;
  ItemLists sequences;  ///< what the neighbours were counted from
  std::unique_ptr<Covisitation> covisitation;  ///< null for evaluation
  std::unique_ptr<NeighbourIndex> neighbours;
  std::unique_ptr<ExampleFeatures> features;
  /// True when every event of a history has a clock time.
  bool timed = false;

  /// Maps dataset actions and tasks to those of `config`; pointers into this.
  TrainingData DataFor(const ModelConfig& config) const;
};

/// Reads `database` and fits a pipeline, or takes that of the model which is
/// `continued` (null: none). FailedPrecondition where there is too little to
/// train on.
absl::StatusOr<std::unique_ptr<TrainingSet>> LoadTrainingSet(
    storage::Database& database, const SplitOptions& split_options,
    const TrainOptions& training, const Model* continued,
    const ExecutionContext& context, ThreadPool& pool);

/// The same with an existing model's pipeline and vocabulary, for evaluation.
absl::StatusOr<std::unique_ptr<TrainingSet>> LoadEvaluationSet(
    storage::Database& database, const SplitOptions& split_options,
    const Model& model, const ExecutionContext& context);

/// Fills what the data decides of a model's configuration: table sizes,
/// actions, tasks, use of time.
void FitConfig(const TrainingSet& set, ModelConfig& config);

}  // namespace attune
