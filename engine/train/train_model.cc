#include "engine/train/train_model.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/model_directory.h"
#include "engine/rank/value_formula.h"
#include "engine/train/calibration.h"
#include "engine/train/continued_model.h"
#include "engine/train/evaluation_json.h"
#include "engine/train/golden.h"
#include "engine/train/trainer_checkpoint.h"
#include "engine/train/training_set.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

double SecondsSince(int64_t start_ns) {
  return static_cast<double>(MonotonicNs() - start_ns) * 1e-9;
}

constexpr int kReportKs[] = {10, 50};
constexpr const char* kModeNames[] = {"none", "features", "full"};

/// What a checkpoint must agree with to be continued.
std::string Identity(const TrainingSet& set, const ModelConfig& config,
                     const TrainOptions& training,
                     const TrainModelOptions& options) {
  std::string identity = StrCat(set.dataset->Fingerprint(), "\n",
                                config.ToJson(), "\n", training.ToJson());
  if (options.from != nullptr) {
    identity += StrCat("\nfrom ", options.from->version());
  }
  if (options.since_ms.has_value()) {
    identity += StrCat("\nsince ", *options.since_ms);
  }
  return identity;
}

/// The architecture asked for, or that of the model which goes on, with what
/// the data decide.
absl::StatusOr<ModelConfig> ConfigFor(const TrainingSet& set,
                                      const TrainModelOptions& options) {
  ModelConfig config = options.config.model;
  if (options.from != nullptr) {
    config = options.from->config();
    config.fusion_mode = ModelConfig().fusion_mode;  // chosen again
    config.fusion_weight = ModelConfig().fusion_weight;
  }
  FitConfig(set, config);
  // Not at the end: the formula names tasks that the data decide.
  ATTUNE_RETURN_IF_ERROR(
      ValueFormula::Compile(config.value_formula, config.tasks).status());
  return config;
}

absl::Status CheckSince(const TrainingSet& set,
                        const TrainModelOptions& options) {
  if (!options.since_ms.has_value() || set.timed) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat(
      "cannot train on events since a time: ", set.dataset->untimed_count(),
      " events of the database have none"));
}

std::vector<std::string> Vocabulary(const TrainingSet& set) {
  std::vector<std::string> ids;
  ids.reserve(set.vocabulary.size());
  for (const int32_t item : set.vocabulary) {
    ids.emplace_back(set.dataset->items().name(item));
  }
  return ids;
}

absl::StatusOr<double> ValidationNdcg(Trainer& trainer,
                                      std::span<const float> values,
                                      const FusionChoice& choice) {
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<double> ndcg,
                          trainer.Validate(values, {&choice, 1}));
  return ndcg[0];
}

/// How well a model that is to go on foretells held-out targets and
/// impressions.
absl::StatusOr<double> HeldOut(Trainer& trainer, const ModelConfig& config,
                               std::span<const float> values) {
  ATTUNE_ASSIGN_OR_RETURN(
      const double ndcg,
      ValidationNdcg(trainer, values,
                     {config.fusion_mode, config.fusion_weight}));
  ATTUNE_ASSIGN_OR_RETURN(const double gauc,
                          trainer.TaskMetric(values, config.fusion_mode));
  return ndcg + gauc;
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

absl::StatusOr<EvaluationRow> ModelRow(Trainer& trainer,
                                       std::span<const float> values,
                                       const std::string& name,
                                       const FusionChoice& choice) {
  ATTUNE_ASSIGN_OR_RETURN(const auto ranks, trainer.TestRanks(values, choice));
  return MakeEvaluationRow(
      name,
      choice.weight == 0 ? ""
                         : StrCat(kModeNames[static_cast<int>(choice.mode)],
                                  " x ", choice.weight),
      ranks, kReportKs);
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
  if (training.decoder_basket_weight < 0) {
    training.decoder_basket_weight =
        options.split.protocol == Protocol::kLastBasket ? 0.0f : 1.0f;
  }
  ATTUNE_RETURN_IF_ERROR(training.Validate());
  SplitOptions split_options = options.split;
  split_options.min_positives = training.min_positives;
  ThreadPool pool(training.threads);
  ATTUNE_ASSIGN_OR_RETURN(auto set,
                          LoadTrainingSet(database, split_options, training,
                                          options.from.get(), context, pool));
  ATTUNE_RETURN_IF_ERROR(CheckSince(*set, options));
  ATTUNE_ASSIGN_OR_RETURN(ModelConfig config, ConfigFor(*set, options));
  ATTUNE_ASSIGN_OR_RETURN(auto backend, MakeBackend(options.backend));
  TrainingData data = set->DataFor(config);
  data.cancelled = options.cancelled;
  const std::vector<int32_t> tasks = data.tasks;
  data.since = options.since_ms.value_or(data.since);
  ATTUNE_ASSIGN_OR_RETURN(
      auto trainer,
      Trainer::Create(config, training, *backend, std::move(data), pool));

  const std::string checkpoint = options.output + ".checkpoint";
  const std::string identity = Identity(*set, config, training, options);
  const std::vector<std::string> item_ids = Vocabulary(*set);
  TrainModelResult result;
  TrainerState state;
  double before = 0;
  if (options.from != nullptr) {
    ATTUNE_ASSIGN_OR_RETURN(state.values,
                            ContinuedWeights(*options.from, config, item_ids,
                                             trainer->InitialValues()));
    state.continued = true;
    ATTUNE_ASSIGN_OR_RETURN(
        before, HeldOut(*trainer, options.from->config(), state.values));
  }
  if (options.resume) {
    ATTUNE_RETURN_IF_ERROR(LoadTrainerState(checkpoint, identity, state));
    place = {state.stage, state.epoch};
  }
  ATTUNE_RETURN_IF_ERROR(trainer->Run(
      state,
      [&](const EpochReport& report, const TrainerState& now) -> absl::Status {
        ATTUNE_RETURN_IF_ERROR(SaveTrainerState(checkpoint, identity, now));
        place = {now.stage, now.epoch};
        if (options.on_epoch) options.on_epoch(report);
        return context.CheckProgress();
      }));

  const bool with_decoder = training.decoder_epochs > 0;
  if (options.force_fusion.has_value()) {
    result.fusion = *options.force_fusion;
    ATTUNE_ASSIGN_OR_RETURN(
        result.validation_ndcg,
        ValidationNdcg(*trainer, state.values, result.fusion));
  } else {
    ATTUNE_ASSIGN_OR_RETURN(
        const ChosenFusion chosen,
        ChooseFusion(*trainer, *set, state.values, with_decoder));
    result.fusion = chosen.choice;
    result.validation_ndcg = chosen.metric;
  }
  ATTUNE_ASSIGN_OR_RETURN(
      const double gauc, trainer->TaskMetric(state.values, result.fusion.mode));
  result.validation_metric = result.validation_ndcg + gauc;
  if (options.from != nullptr) {
    ATTUNE_RETURN_IF_ERROR(
        CheckNotWorse(*options.from, before, result.validation_metric));
  }
  result.report = StartReport(*set->dataset, *set->split);
  result.seconds = SecondsSince(start);
  if (options.measure_only) {
    ::unlink(checkpoint.c_str());
    return result;
  }
  Json calibration;
  if (const auto shown = set->split->validation_impressions();
      config.tasks.size() > 1 && !shown.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(
        const TaskScores scores,
        trainer->ScoreImpressions(state.values, shown, result.fusion.mode));
    const std::vector<PlattScale> scales = CalibrateTasks(
        trainer->network(), *set->dataset, shown, scores, tasks, state.values);
    for (size_t t = 1; t < scales.size(); ++t) {
      calibration[config.tasks[t]] = {{"scale", scales[t].scale},
                                      {"bias", scales[t].bias}};
    }
  }
  config.fusion_mode = result.fusion.mode;
  config.fusion_weight = result.fusion.weight;

  EvaluationReport& report = result.report;
  ATTUNE_ASSIGN_OR_RETURN(
      report.rows,
      BaselineRows(*set->split, *set->catalogue, kReportKs, context, pool));
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
  if (!set->contexts.empty()) {
    FusionChoice without = result.fusion;
    without.with_context = false;
    variants.push_back({"without context", without});
  }
  variants.push_back({"model", result.fusion});
  for (const Variant& variant : variants) {
    ATTUNE_ASSIGN_OR_RETURN(
        EvaluationRow row,
        ModelRow(*trainer, state.values, variant.name, variant.choice));
    report.rows.push_back(std::move(row));
  }

  std::span<const ImpressionCase> shown = set->split->test_impressions();
  if (config.tasks.size() > 1 && !shown.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(
        const TaskScores scores,
        trainer->ScoreImpressions(state.values, shown, config.fusion_mode));
    report.tasks = ImpressionRows(*set->dataset, *set->split, scores);
  }

  Model::Parts parts;
  parts.config = config;
  parts.pipeline_json = set->pipeline->ToJson();
  // The pipeline knows the columns that it was fitted on.
  parts.schema_json = options.from != nullptr ? options.from->schema_json()
                                              : set->schema.ToJson();
  parts.item_ids = item_ids;
  parts.neighbours = set->neighbours->Serialize();
  parts.values = state.values;
  ATTUNE_ASSIGN_OR_RETURN(parts.golden,
                          MakeGolden(database, *set, parts, options.backend));
  result.seconds = SecondsSince(start);
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
                      {"evaluation", EvaluationJson(report)},
                      {"seconds", result.seconds}};
  if (!calibration.is_null()) report_json["calibration"] = calibration;
  if (options.from != nullptr) {
    report_json["continued"] = {{"model", options.from->version()},
                                {"validation_before", before}};
    if (options.since_ms.has_value()) {
      report_json["continued"]["since_ms"] = *options.since_ms;
    }
  }
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
