#include "engine/train/train_model.h"

#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/model_directory.h"
#include "engine/rank/value_formula.h"
#include "engine/train/checkpoint.h"
#include "engine/train/golden.h"
#include "engine/train/training_set.h"
#include "features/hash.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kReportKs[] = {10, 50};
constexpr const char* kModeNames[] = {"none", "features", "full"};

/// What a checkpoint must agree with to be continued.
std::string Identity(const TrainingSet& set, const ModelConfig& config,
                     const TrainOptions& options) {
  return StrCat(set.dataset->Fingerprint(), "\n", config.ToJson(), "\n",
                options.ToJson());
}

absl::Status SaveCheckpoint(const std::string& path,
                            const std::string& identity,
                            const TrainerState& state) {
  const int64_t numbers[] = {state.stage, state.epoch, state.step,
                             state.stale_epochs};
  CheckpointWriter writer;
  writer.Add("identity", std::string_view(identity));
  writer.Add("numbers", std::string_view(reinterpret_cast<const char*>(numbers),
                                         sizeof(numbers)));
  writer.Add("best_metric",
             std::string_view(reinterpret_cast<const char*>(&state.best_metric),
                              sizeof(double)));
  writer.Add("values", std::span<const float>(state.values));
  writer.Add("best_values", std::span<const float>(state.best_values));
  writer.Add("average", std::span<const float>(state.average));
  writer.Add("first_moment", std::span<const float>(state.first_moment));
  writer.Add("second_moment", std::span<const float>(state.second_moment));
  return writer.Save(path);
}

absl::Status LoadCheckpoint(const std::string& path,
                            const std::string& identity, TrainerState& state) {
  absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Load(path);
  if (absl::IsNotFound(checkpoint.status())) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(checkpoint.status());
  ATTUNE_ASSIGN_OR_RETURN(std::string_view saved,
                          checkpoint->Bytes("identity"));
  if (saved != identity) {
    return absl::FailedPreconditionError(
        StrCat(path, ": was made with other data or another configuration; ",
               "train without --resume to start anew"));
  }
  int64_t numbers[4];
  ATTUNE_ASSIGN_OR_RETURN(std::string_view bytes, checkpoint->Bytes("numbers"));
  ATTUNE_ASSIGN_OR_RETURN(std::string_view metric,
                          checkpoint->Bytes("best_metric"));
  if (bytes.size() != sizeof(numbers) || metric.size() != sizeof(double)) {
    return absl::DataLossError(StrCat(path, ": progress has a wrong size"));
  }
  std::memcpy(numbers, bytes.data(), sizeof(numbers));
  std::memcpy(&state.best_metric, metric.data(), sizeof(double));
  state.stage = static_cast<int>(numbers[0]);
  state.epoch = static_cast<int>(numbers[1]);
  state.step = numbers[2];
  state.stale_epochs = static_cast<int>(numbers[3]);
  ATTUNE_ASSIGN_OR_RETURN(state.values, checkpoint->Floats("values"));
  ATTUNE_ASSIGN_OR_RETURN(state.best_values, checkpoint->Floats("best_values"));
  ATTUNE_ASSIGN_OR_RETURN(state.average, checkpoint->Floats("average"));
  ATTUNE_ASSIGN_OR_RETURN(state.first_moment,
                          checkpoint->Floats("first_moment"));
  ATTUNE_ASSIGN_OR_RETURN(state.second_moment,
                          checkpoint->Floats("second_moment"));
  return absl::OkStatus();
}

/// The newest checkpoint of a run; epoch 0: there is none.
struct Place {
  int stage = 0;
  int epoch = 0;
};

absl::Status Stopped(const Place& place) {
  if (place.epoch == 0) {
    return absl::CancelledError(
        "training stopped before its first epoch was done");
  }
  return absl::CancelledError(
      StrCat("training stopped behind epoch ", place.epoch, " of the ",
             place.stage == 0 ? "match" : "decoder", " stage"));
}

struct ChosenFusion {
  FusionChoice choice;
  double metric = 0;  ///< its validation NDCG@10
};

/// The fusion part and weight with the best validation NDCG@10; none unless one
/// is better than the match term alone. Where validation has impressions the
/// part is that which foretells their results better, and only the weight in
/// "next" is chosen by NDCG.
absl::StatusOr<ChosenFusion> ChooseFusion(Trainer& trainer,
                                          const TrainingSet& set,
                                          std::span<const float> values,
                                          bool trained) {
  std::vector<FusionChoice> choices = {{}};
  std::vector<FusionMode> modes = {FusionMode::kFeatures, FusionMode::kFull};
  if (trained && trainer.network().config().tasks.size() > 1 &&
      !set.split->validation_impressions().empty()) {
    double metrics[2];
    for (int i = 0; i < 2; ++i) {
      ATTUNE_ASSIGN_OR_RETURN(metrics[i], trainer.TaskMetric(values, modes[i]));
    }
    modes = {modes[metrics[1] > metrics[0] ? 1 : 0]};
    choices = {{modes[0], 0}};
  }
  if (trained) {
    for (FusionMode mode : modes) {
      for (float weight :
           {0.25f, 0.5f, 0.75f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, 8.0f}) {
        choices.push_back({mode, weight});
      }
    }
  }
  ATTUNE_ASSIGN_OR_RETURN(std::vector<double> metrics,
                          trainer.Validate(values, choices));
  size_t best = 0;
  for (size_t i = 1; i < choices.size(); ++i) {
    if (metrics[i] > metrics[best]) best = i;
  }
  return ChosenFusion{choices[best], metrics[best]};
}

absl::StatusOr<EvaluationRow> ModelRow(Trainer& trainer, const Split& split,
                                       std::span<const float> values,
                                       const std::string& name,
                                       const FusionChoice& choice) {
  std::vector<double> all, unseen;
  for (const bool exclude_seen : {false, true}) {
    ATTUNE_ASSIGN_OR_RETURN(
        auto ranks,
        trainer.Rank(values, split.test(), {&choice, 1}, exclude_seen));
    for (const TargetRanks& rank : ranks[0]) {
      (exclude_seen ? unseen : all)
          .push_back(exclude_seen ? rank.unseen : rank.all);
    }
  }
  return MakeEvaluationRow(
      name,
      choice.weight == 0 ? ""
                         : StrCat(kModeNames[static_cast<int>(choice.mode)],
                                  " x ", choice.weight),
      all, unseen, kReportKs);
}

Json ReportJson(const EvaluationReport& report) {
  Json rows = Json::array();
  for (const EvaluationRow& row : report.rows) {
    Json metrics = Json::array();
    for (const EvaluationRow::AtK& at : row.at_k) {
      metrics.push_back({{"k", at.k},
                         {"hit_rate_all", at.hit_rate_all},
                         {"ndcg_all", at.ndcg_all},
                         {"hit_rate_unseen", at.hit_rate_unseen},
                         {"ndcg_unseen", at.ndcg_unseen},
                         {"ndcg_unseen_standard_error", at.ndcg_unseen_error}});
    }
    rows.push_back(
        {{"name", row.name}, {"setting", row.setting}, {"metrics", metrics}});
  }
  Json tasks = Json::array();
  for (const TaskRow& row : report.tasks) {
    tasks.push_back({{"name", row.name},
                     {"task", row.task},
                     {"impressions", row.impressions},
                     {"positives", row.positives},
                     {"auc", row.auc},
                     {"gauc", row.gauc},
                     {"gauc_by_user", row.gauc_by_user},
                     {"users", row.users},
                     {"log_loss", row.log_loss},
                     {"calibration_error", row.calibration_error}});
  }
  return {{"protocol", report.protocol}, {"tasks", tasks},
          {"cases", report.cases},       {"candidates", report.candidates},
          {"items", report.items},       {"rows", rows}};
}

absl::StatusOr<TrainModelResult> Run(storage::Database& database,
                                     const TrainModelOptions& options,
                                     Place& place) {
  const int64_t start = MonotonicNs();
  // Not after hours of work.
  ATTUNE_RETURN_IF_ERROR(CheckModelTarget(options.output));
  ExecutionContext context;
  context.cancelled = options.cancelled;
  TrainOptions training = options.config.training;
  if (training.threads == 0) training.threads = AvailableCores();
  ATTUNE_RETURN_IF_ERROR(training.Validate());
  SplitOptions split_options = options.split;
  split_options.min_positives = training.min_positives;
  ThreadPool pool(training.threads);
  ATTUNE_ASSIGN_OR_RETURN(auto set, LoadTrainingSet(database, split_options,
                                                    training, context, pool));
  ModelConfig config = options.config.model;
  FitConfig(*set, config);
  // Not at the end: the formula names tasks that the data decide.
  ATTUNE_RETURN_IF_ERROR(
      ValueFormula::Compile(config.value_formula, config.tasks).status());
  ATTUNE_ASSIGN_OR_RETURN(auto backend, MakeBackend(options.backend));
  TrainingData data = set->DataFor(config);
  data.cancelled = options.cancelled;
  ATTUNE_ASSIGN_OR_RETURN(
      auto trainer,
      Trainer::Create(config, training, *backend, std::move(data), pool));

  const std::string checkpoint = options.output + ".checkpoint";
  const std::string identity = Identity(*set, config, training);
  TrainerState state;
  if (options.resume) {
    ATTUNE_RETURN_IF_ERROR(LoadCheckpoint(checkpoint, identity, state));
    place = {state.stage, state.epoch};
  }
  ATTUNE_RETURN_IF_ERROR(trainer->Run(
      state,
      [&](const EpochReport& report, const TrainerState& now) -> absl::Status {
        ATTUNE_RETURN_IF_ERROR(SaveCheckpoint(checkpoint, identity, now));
        place = {now.stage, now.epoch};
        if (options.on_epoch) options.on_epoch(report);
        return context.CheckProgress();
      }));

  TrainModelResult result;
  const bool with_decoder = training.decoder_epochs > 0;
  if (options.force_fusion.has_value()) {
    result.fusion = *options.force_fusion;
    ATTUNE_ASSIGN_OR_RETURN(
        const std::vector<double> metrics,
        trainer->Validate(state.values, {&result.fusion, 1}));
    result.validation_ndcg = metrics[0];
  } else {
    ATTUNE_ASSIGN_OR_RETURN(
        const ChosenFusion chosen,
        ChooseFusion(*trainer, *set, state.values, with_decoder));
    result.fusion = chosen.choice;
    result.validation_ndcg = chosen.metric;
  }
  config.fusion_mode = result.fusion.mode;
  config.fusion_weight = result.fusion.weight;

  EvaluationReport& report = result.report;
  report.protocol = std::string(ProtocolName(split_options.protocol));
  report.cases = static_cast<int64_t>(set->split->test().size());
  report.candidates = static_cast<int32_t>(set->split->candidates().size());
  report.items = set->split->item_count();
  report.data_fingerprint = set->dataset->Fingerprint();
  ATTUNE_ASSIGN_OR_RETURN(report.rows,
                          BaselineRows(*set->split, kReportKs, context, pool));
  struct Variant {
    const char* name;
    FusionChoice choice;
  };
  std::vector<Variant> variants = {{"match only", {}}};
  if (with_decoder) {
    const float weight = result.fusion.weight > 0 ? result.fusion.weight : 1.0f;
    variants.push_back({"+ features", {FusionMode::kFeatures, weight}});
    variants.push_back({"+ decoder", {FusionMode::kFull, weight}});
  }
  variants.push_back({"model", result.fusion});
  for (const Variant& variant : variants) {
    ATTUNE_ASSIGN_OR_RETURN(EvaluationRow row,
                            ModelRow(*trainer, *set->split, state.values,
                                     variant.name, variant.choice));
    report.rows.push_back(std::move(row));
  }

  std::span<const ImpressionCase> shown = set->split->test_impressions();
  if (config.tasks.size() > 1 && !shown.empty()) {
    report.tasks = TaskRows("item rate", *set->dataset, shown,
                            ItemRateScores(*set->dataset, *set->split, shown));
    ATTUNE_ASSIGN_OR_RETURN(
        const TaskScores scores,
        trainer->ScoreImpressions(state.values, shown, config.fusion_mode));
    for (TaskRow& row : TaskRows("model", *set->dataset, shown, scores)) {
      report.tasks.push_back(std::move(row));
    }
  }

  Model::Parts parts;
  parts.config = config;
  parts.pipeline_json = set->pipeline->ToJson();
  parts.schema_json = set->schema.ToJson();
  for (int32_t item : set->vocabulary) {
    parts.item_ids.emplace_back(set->dataset->items().name(item));
  }
  parts.neighbours = set->neighbours->Serialize();
  parts.values = state.values;
  ATTUNE_ASSIGN_OR_RETURN(parts.golden,
                          MakeGolden(database, *set, parts, options.backend));
  result.seconds = static_cast<double>(MonotonicNs() - start) * 1e-9;
  Json report_json = {{"split",
                       {{"protocol", ProtocolName(split_options.protocol)},
                        {"test_days", split_options.test_days},
                        {"min_positives", split_options.min_positives}}},
                      {"data",
                       {{"fingerprint", set->dataset->Fingerprint()},
                        {"users", set->dataset->users().size()},
                        {"items", set->dataset->items().size()},
                        {"interactions", set->dataset->interaction_count()},
                        {"impressions", set->dataset->impression_count()}}},
                      {"training", Json::parse(training.ToJson())},
                      {"parameters", trainer->network().layout().size()},
                      {"model", Json::parse(config.ToJson())},
                      {"validation_ndcg_10", result.validation_ndcg},
                      {"evaluation", ReportJson(report)},
                      {"seconds", result.seconds}};
  parts.report_json = report_json.dump(2) + "\n";
  ATTUNE_ASSIGN_OR_RETURN(result.version, Model::Save(parts, options.output));
  ::unlink(checkpoint.c_str());
  return result;
}

}  // namespace

absl::StatusOr<TrainModelResult> TrainModel(storage::Database& database,
                                            const TrainModelOptions& options) {
  Place place;
  absl::StatusOr<TrainModelResult> result = Run(database, options, place);
  if (absl::IsCancelled(result.status())) return Stopped(place);
  return result;
}

}  // namespace attune
