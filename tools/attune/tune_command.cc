#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/text_file.h"
#include "engine/rank/text_table.h"
#include "engine/train/train_model.h"
#include "engine/train/tune.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/split_options.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "tune";

struct Arguments {
  std::string database;
  std::string output;
  std::string config;
  std::string space;
  SplitArguments split;
  int trials = TuneOptions().trials;
  int rungs = TuneOptions().rungs;
  int threads = 0;
  uint64_t seed = TuneOptions().seed;
  bool json = false;
};

absl::StatusOr<TuneOptions> MakeOptions(const Arguments& arguments) {
  TuneOptions options;
  options.trials = arguments.trials;
  options.rungs = arguments.rungs;
  options.seed = arguments.seed;
  options.journal = arguments.output + ".journal";
  if (!arguments.config.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(options.base, ReadTextFile(arguments.config));
    ATTUNE_RETURN_IF_ERROR(
        ParseTrainConfig(options.base, arguments.config).status());
  }
  if (!arguments.space.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string text,
                            ReadTextFile(arguments.space));
    ATTUNE_ASSIGN_OR_RETURN(options.space,
                            SearchSpace::Parse(text, arguments.space));
  }
  return options;
}

// "dropout=0.2 temperature=0.05"; empty for the base configuration.
std::string SettingsText(const nlohmann::ordered_json& settings) {
  std::vector<std::string> words;
  for (const auto& [part, values] : settings.items()) {
    for (const auto& [name, value] : values.items()) {
      words.push_back(fmt::format("{}={}", name, value.dump()));
    }
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string TrialTable(const TuneResult& result, int rungs) {
  std::vector<TextTable::Column> columns = {{"trial", TextTable::kRight}};
  for (int rung = 0; rung < rungs; ++rung) {
    columns.push_back({fmt::format("rung {}", rung + 1), TextTable::kRight});
  }
  columns.push_back({"settings"});
  TextTable table(std::move(columns));
  for (const TuneTrial& trial : result.trials) {
    std::vector<std::string> cells = {fmt::format("{}", trial.number)};
    for (size_t rung = 0; rung < static_cast<size_t>(rungs); ++rung) {
      cells.push_back(rung < trial.metrics.size()
                          ? fmt::format("{:.4f}", trial.metrics[rung])
                          : "");
    }
    cells.push_back(trial.number == 0 ? "(as given)"
                                      : SettingsText(trial.settings));
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

absl::Status TuneDatabase(const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const TuneOptions options, MakeOptions(arguments));
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  TrainModelOptions training;
  ATTUNE_ASSIGN_OR_RETURN(training.split, MakeSplit(arguments.split));
  training.measure_only = true;
  const StopSignal stop;
  training.cancelled = stop.flag();
  const absl::StatusOr<TuneResult> result =
      Tune(options, [&](const TuneRun& run) -> absl::StatusOr<TuneMeasure> {
        training.config = run.config;
        if (arguments.threads > 0) {
          training.config.training.threads = arguments.threads;
        }
        training.output = fmt::format("{}.trial-{}-{}", arguments.output,
                                      run.trial, run.rung + 1);
        training.resume = run.resumed;
        ATTUNE_ASSIGN_OR_RETURN(const TrainModelResult trained,
                                TrainModel(*database, training));
        fmt::print(stderr, "trial {:>3}  rung {}  validation {:.4f}  {}\n",
                   run.trial, run.rung + 1, trained.validation_metric,
                   Duration(trained.seconds));
        return TuneMeasure{trained.validation_metric,
                           trained.report.data_fingerprint};
      });
  if (absl::IsCancelled(result.status())) {
    return absl::CancelledError(
        StrCat("stopped; the same command goes on behind ", options.journal));
  }
  ATTUNE_RETURN_IF_ERROR(result.status());
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(arguments.output, result->config));
  if (arguments.json) {
    nlohmann::ordered_json trials = nlohmann::ordered_json::array();
    for (const TuneTrial& trial : result->trials) {
      trials.push_back({{"trial", trial.number},
                        {"metrics", trial.metrics},
                        {"settings", trial.settings}});
    }
    PrintJson({{"config", arguments.output}, {"trials", std::move(trials)}});
    return absl::OkStatus();
  }
  Print(TrialTable(*result, options.rungs));
  Print(
      fmt::format("\n{}: the best on validation; train it with\n"
                  "attune train --db {} --out MODEL --config {}\n",
                  arguments.output, arguments.database, arguments.output));
  return absl::OkStatus();
}

}  // namespace

void RegisterTuneCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "tune", "Search for the training configuration that suits a database");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command
      ->add_option("--out", arguments->output,
                   "Configuration to write; OUT.journal beside it keeps what "
                   "was measured, so that the same command goes on after a "
                   "stop")
      ->required();
  command->add_option("--config", arguments->config,
                      "Configuration to start from (trial 0)");
  command->add_option("--space", arguments->space,
                      "What to vary, {\"training.dropout\": [0.1, 0.3], …} "
                      "(default: rates, dropouts, temperature, blocks)");
  AddSplitOptions(*command, &arguments->split);
  command
      ->add_option("--trials", arguments->trials,
                   "Configurations to try, the given one among them")
      ->capture_default_str()
      ->check(WholeNumber(1, 10'000));
  command
      ->add_option("--rungs", arguments->rungs,
                   "Each keeps the best third and trains it three times as "
                   "long")
      ->capture_default_str()
      ->check(WholeNumber(1, 8));
  command
      ->add_option("--threads", arguments->threads,
                   "Threads (default: the configuration's, else the cores "
                   "there are)")
      ->check(WholeNumber(1, 1024));
  command
      ->add_option("--seed", arguments->seed,
                   "Same seed, data and threads try the same configurations")
      ->capture_default_str()
      ->check(WholeNumber(0, ~uint64_t{0}));
  command->add_flag("--json", arguments->json, "Print the trials as JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = TuneDatabase(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
