#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/text_file.h"
#include "engine/train/continued_model.h"
#include "engine/train/evaluation_json.h"
#include "engine/train/scalar_log.h"
#include "engine/train/train_model.h"
#include "features/time_value.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/evaluation_output.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/split_options.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "train";

struct Arguments {
  std::string database;
  std::string output;
  std::string config;
  std::string from;
  std::string since;
  SplitArguments split;
  int epochs = 0;
  int threads = 0;
  uint64_t seed = 0;
  bool has_seed = false;
  std::string log;
  bool resume = false;
  bool json = false;
};

// --from and --since, behind --config.
absl::Status ReadModelToContinue(const Arguments& arguments,
                                 TrainModelOptions* options) {
  if (options->config.model.ToJson() != ModelConfig().ToJson()) {
    return absl::InvalidArgumentError(
        StrCat(arguments.config,
               ": \"model\" cannot be changed with --from, "
               "which goes on with that model's; leave it out"));
  }
  ATTUNE_ASSIGN_OR_RETURN(options->from, Model::Load(arguments.from, {}));
  if (arguments.config.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(options->config.training,
                            ContinuedOptions(*options->from));
  }
  if (arguments.since.empty()) return absl::OkStatus();
  options->since_ms = features::ParseDateMs(arguments.since);
  if (options->since_ms.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("--since: \"", arguments.since,
             "\" is no time; write it like 2026-11-22 or "
             "2026-11-22T15:30:00Z"));
}

absl::StatusOr<TrainModelOptions> MakeOptions(const Arguments& arguments) {
  TrainModelOptions options;
  options.output = arguments.output;
  if (!arguments.config.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string text,
                            ReadTextFile(arguments.config));
    ATTUNE_ASSIGN_OR_RETURN(options.config,
                            ParseTrainConfig(text, arguments.config));
  }
  if (!arguments.from.empty()) {
    ATTUNE_RETURN_IF_ERROR(ReadModelToContinue(arguments, &options));
  }
  TrainOptions& training = options.config.training;
  if (arguments.epochs > 0) training.epochs = arguments.epochs;
  if (arguments.threads > 0) training.threads = arguments.threads;
  if (arguments.has_seed) training.seed = arguments.seed;
  ATTUNE_ASSIGN_OR_RETURN(options.split, MakeSplit(arguments.split));
  options.resume = arguments.resume;
  return options;
}

// A word of a command line as a shell takes it.
std::string Quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+-=";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (const char c : word) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

// The command that goes on where this one was stopped.
std::string ResumeCommand(const Arguments& arguments) {
  std::string command =
      fmt::format("attune train --db {} --out {}", Quoted(arguments.database),
                  Quoted(arguments.output));
  if (!arguments.config.empty()) {
    command += fmt::format(" --config {}", Quoted(arguments.config));
  }
  if (!arguments.from.empty()) {
    command += fmt::format(" --from {}", Quoted(arguments.from));
  }
  if (!arguments.since.empty()) {
    command += fmt::format(" --since {}", Quoted(arguments.since));
  }
  if (arguments.split.protocol != SplitArguments().protocol) {
    command += fmt::format(" --protocol {}", arguments.split.protocol);
  }
  if (!arguments.log.empty()) {
    command += fmt::format(" --log {}", Quoted(arguments.log));
  }
  const auto add = [&](std::string_view name, uint64_t value, bool given) {
    if (given) command += fmt::format(" {} {}", name, value);
  };
  add("--test-days", static_cast<uint64_t>(arguments.split.test_days),
      arguments.split.test_days > 0);
  add("--epochs", static_cast<uint64_t>(arguments.epochs),
      arguments.epochs > 0);
  add("--threads", static_cast<uint64_t>(arguments.threads),
      arguments.threads > 0);
  add("--seed", arguments.seed, arguments.has_seed);
  return command + (arguments.json ? " --json --resume" : " --resume");
}

// A point of the stage's curves.
absl::Status LogEpoch(const EpochReport& epoch, ScalarLog& log) {
  const std::string stage = epoch.stage == 0 ? "match/" : "decoder/";
  const std::pair<std::string, double> points[] = {
      {stage + "loss", epoch.loss},
      {stage + "validation_ndcg_10", epoch.ndcg},
      {stage + "validation_gauc", epoch.gauc},
      {stage + "events_per_second", epoch.tokens_per_second}};
  std::vector<ScalarLog::Scalar> scalars;
  for (const auto& [tag, value] : points) scalars.push_back({tag, value});
  return log.Add(epoch.epoch, scalars);
}

absl::Status Train(const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(TrainModelOptions options, MakeOptions(arguments));
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  std::unique_ptr<ScalarLog> log;
  if (!arguments.log.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(log, ScalarLog::Create(arguments.log));
  }
  StopSignal stop;
  options.cancelled = stop.flag();
  bool has_checkpoint =
      arguments.resume &&
      std::filesystem::exists(arguments.output + ".checkpoint");
  absl::Status logged;
  options.on_epoch = [&](const EpochReport& epoch) {
    has_checkpoint = true;
    if (log != nullptr && logged.ok()) logged = LogEpoch(epoch, *log);
    const std::string gauc =
        epoch.gauc > 0 ? fmt::format(" + GAUC {:.4f}", epoch.gauc) : "";
    fmt::print(stderr,
               "{} epoch {:>3}  loss {:.4f}  validation NDCG@10 {:.4f}{} (best "
               "{:.4f})  {}  {} events/s  at most {} left\n",
               epoch.stage == 0 ? "match  " : "decoder", epoch.epoch,
               epoch.loss, epoch.ndcg, gauc, epoch.best_metric,
               Duration(epoch.seconds),
               WithCommas(static_cast<int64_t>(epoch.tokens_per_second)),
               Duration(epoch.seconds * epoch.epochs_left));
  };
  const absl::StatusOr<TrainModelResult> trained =
      TrainModel(*database, options);
  if (absl::IsCancelled(trained.status()) && has_checkpoint) {
    return absl::CancelledError(
        StrCat(ToStd(trained.status().message()),
               "; go on with: ", ResumeCommand(arguments)));
  }
  ATTUNE_RETURN_IF_ERROR(trained.status());
  if (!logged.ok()) Warn(kCommand, ToStd(logged.message()));
  const TrainModelResult& result = *trained;
  if (arguments.json) {
    nlohmann::ordered_json json = {{"model", arguments.output},
                                   {"version", result.version},
                                   {"seconds", result.seconds},
                                   {"fusion_weight", result.fusion.weight}};
    json["evaluation"] = EvaluationJson(result.report);
    PrintJson(json);
    return absl::OkStatus();
  }
  Print(EvaluationTable(result.report));
  Print(
      fmt::format("\n{}: version {}, trained in {}; publish it with\n"
                  "attune publish --db {} --model {}\n",
                  arguments.output, result.version, Duration(result.seconds),
                  Quoted(arguments.database), Quoted(arguments.output)));
  return absl::OkStatus();
}

}  // namespace

void RegisterTrainCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "train", "Train a model on a database's logs and evaluate it");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command
      ->add_option("--out", arguments->output,
                   "Model directory to write; appears when it is complete")
      ->required();
  command->add_option("--config", arguments->config,
                      "Configuration: {\"model\": {…}, \"training\": {…}}");
  CLI::Option* const from = command->add_option(
      "--from", arguments->from,
      "Model directory to continue on the events that came since: its "
      "architecture and, without --config, its training at half the rates");
  command
      ->add_option("--since", arguments->since,
                   "With --from: train on events of this time and later only "
                   "(2026-11-22 or 2026-11-22T15:30:00Z)")
      ->needs(from);
  AddSplitOptions(*command, &arguments->split);
  command
      ->add_option("--epochs", arguments->epochs,
                   "Most epochs (default: the configuration's)")
      ->check(WholeNumber(1, 100'000));
  command
      ->add_option("--threads", arguments->threads,
                   "Threads (default: the configuration's, else the cores "
                   "there are)")
      ->check(WholeNumber(1, 1024));
  CLI::Option* seed =
      command
          ->add_option("--seed", arguments->seed,
                       "Same seed, data and threads give the same bytes")
          ->check(WholeNumber(0, ~uint64_t{0}));
  command->add_option("--log", arguments->log,
                      "Directory for TensorBoard's curves: a point per epoch");
  command->add_flag("--resume", arguments->resume,
                    "Go on from the checkpoint of a stopped run");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->callback(
      [arguments, seed, set_exit_code = std::move(set_exit_code)] {
        arguments->has_seed = seed->count() > 0;
        const absl::Status status = Train(*arguments);
        set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
      });
}

}  // namespace attune
