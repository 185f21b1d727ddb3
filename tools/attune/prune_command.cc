#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "engine/train/evaluation_json.h"
#include "engine/train/model_origin.h"
#include "engine/train/prune_model.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/evaluation_output.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "prune";

struct Arguments {
  std::string database;
  std::string model;
  std::string output;
  float keep = PruneModelOptions().keep;
  int threads = 0;
  bool json = false;
};

absl::Status Prune(const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const auto model, Model::Load(arguments.model, {}));
  ATTUNE_RETURN_IF_ERROR(CheckModelFits(kCommand, *model, arguments.database));
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  PruneModelOptions options;
  options.output = arguments.output;
  options.keep = arguments.keep;
  options.evaluation.split = OriginOf(*model).split;
  options.evaluation.threads =
      arguments.threads > 0 ? arguments.threads : AvailableCores();
  options.evaluation.with_baselines = false;
  const StopSignal stop;
  options.evaluation.cancelled = stop.flag();
  ATTUNE_ASSIGN_OR_RETURN(PruneModelResult result,
                          PruneModel(*database, *model, options));
  EvaluationReport report = result.before;
  report.rows.back().name = "before";
  report.rows.push_back(result.after.rows.back());
  report.rows.back().name = "pruned";
  report.rows.back().setting = result.version;
  if (arguments.json) {
    PrintJson({{"model", arguments.output},
               {"version", result.version},
               {"feed_forward_before", result.units_before},
               {"feed_forward", result.units},
               {"evaluation", EvaluationJson(report)}});
    return absl::OkStatus();
  }
  Print(EvaluationTable(report, /*unseen_only=*/true));
  Print(fmt::format(
      "\n{}: {} of {} hidden units in every block; what was lost "
      "may be learnt again with\nattune train --from {}\n",
      arguments.output, result.units, result.units_before, arguments.output));
  return absl::OkStatus();
}

}  // namespace

void RegisterPruneCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "prune", "Make a trained model smaller, and say what it loses");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command->add_option("--model", arguments->model, "Model directory")
      ->required();
  command
      ->add_option("--out", arguments->output,
                   "Model directory to write; appears when it is complete")
      ->required();
  command
      ->add_option("--keep", arguments->keep,
                   "Share of the blocks' hidden units that stays")
      ->capture_default_str()
      ->check(RealNumber(0, 1));
  command
      ->add_option("--threads", arguments->threads,
                   "Threads (default: the cores there are)")
      ->check(WholeNumber(1, 1024));
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Prune(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
