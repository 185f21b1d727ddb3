#include "engine/train/tune.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/train/random_stream.h"
#include "engine/train/tune_journal.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFewer = 3;  // trials of a rung for one of the next

absl::Status CheckOptions(const TuneOptions& options) {
  if (options.trials < 1 || options.rungs < 1 || options.rungs > 8) {
    return absl::InvalidArgumentError(
        StrCat("a search of ", options.trials, " trials in ", options.rungs,
               " rungs: at least 1 trial and 1 to 8 rungs"));
  }
  return absl::OkStatus();
}

/// The base configuration with a trial's settings.
Json Merged(const Json& base, const Json& settings) {
  Json merged = base;
  for (const auto& [part, values] : settings.items()) {
    for (const auto& [name, value] : values.items()) {
      merged[part][name] = value;
    }
  }
  return merged;
}

int Share(int epochs, int rung, int rungs) {
  const double share = std::pow(kFewer, rung - (rungs - 1));
  return epochs == 0 ? 0 : std::max(1, static_cast<int>(epochs * share));
}

bool IsBetter(const TuneTrial& a, const TuneTrial& b) {
  if (a.metrics.size() != b.metrics.size()) {
    return a.metrics.size() > b.metrics.size();
  }
  if (!a.metrics.empty() && a.metrics.back() != b.metrics.back()) {
    return a.metrics.back() > b.metrics.back();
  }
  return a.number < b.number;
}

}  // namespace

absl::StatusOr<TuneResult> Tune(
    const TuneOptions& options,
    const std::function<absl::StatusOr<TuneMeasure>(const TuneRun&)>& measure) {
  ATTUNE_RETURN_IF_ERROR(CheckOptions(options));
  ATTUNE_RETURN_IF_ERROR(
      ParseTrainConfig(options.base, "base configuration").status());
  const Json base = Json::parse(options.base, nullptr, false);
  TuneResult result;
  for (int number = 0; number < options.trials; ++number) {
    TuneTrial& trial = result.trials.emplace_back();
    trial.number = number;
    trial.settings = Json::object();
    if (number > 0) {
      Rng rng(StreamSeed(options.seed, 0, number, RandomUse::kSearch));
      trial.settings = options.space.Draw(rng);
    }
    // Not after hours of other trials.
    ATTUNE_RETURN_IF_ERROR(ParseTrainConfig(Merged(base, trial.settings).dump(),
                                            StrCat("trial ", number))
                               .status());
  }
  ATTUNE_ASSIGN_OR_RETURN(
      TuneJournal journal,
      TuneJournal::Open(options.journal, {.base = base.dump(),
                                          .space = options.space.ToJson(),
                                          .trials = options.trials,
                                          .rungs = options.rungs,
                                          .seed = options.seed}));
  size_t left = result.trials.size();
  for (int rung = 0; rung < options.rungs; ++rung) {
    for (size_t i = 0; i < left; ++i) {
      TuneTrial& trial = result.trials[i];
      std::optional<double> metric = journal.Find(trial.number, rung);
      if (!metric.has_value()) {
        TuneRun run;
        run.trial = trial.number;
        run.rung = rung;
        run.resumed = journal.continued();
        ATTUNE_ASSIGN_OR_RETURN(
            run.config, ParseTrainConfig(Merged(base, trial.settings).dump(),
                                         StrCat("trial ", trial.number)));
        TrainOptions& training = run.config.training;
        training.epochs = Share(training.epochs, rung, options.rungs);
        training.decoder_epochs =
            Share(training.decoder_epochs, rung, options.rungs);
        ATTUNE_ASSIGN_OR_RETURN(const TuneMeasure measured, measure(run));
        ATTUNE_RETURN_IF_ERROR(journal.Add(trial.number, rung, measured.metric,
                                           measured.fingerprint));
        metric = measured.metric;
      }
      trial.metrics.push_back(*metric);
    }
    std::sort(result.trials.begin(), result.trials.end(), IsBetter);
    left = std::max<size_t>(1, left / kFewer);
  }
  result.config = Merged(base, result.trials[0].settings).dump(2) + "\n";
  return result;
}

}  // namespace attune
