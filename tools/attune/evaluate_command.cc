#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "engine/train/evaluate_model.h"
#include "storage/database.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/evaluation_output.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "evaluate";

struct Arguments {
  std::string database;
  std::string model;
  std::string protocol = "leave-one-out";
  int test_days = 0;
  std::vector<int> ks = {10, 50};
  int threads = 0;
  bool exclude_seen = false;
  bool json = false;
};

absl::Status Evaluate(const Arguments& arguments) {
  EvaluateModelOptions options;
  options.ks = arguments.ks;
  options.threads =
      arguments.threads > 0 ? arguments.threads : AvailableCores();
  ATTUNE_ASSIGN_OR_RETURN(options.split.protocol,
                          ParseProtocol(arguments.protocol));
  options.split.test_days = arguments.test_days;
  ATTUNE_ASSIGN_OR_RETURN(auto model, Model::Load(arguments.model, {}));
  storage::OpenOptions open;
  open.path = arguments.database;
  open.mode = storage::OpenOptions::Mode::kFollower;
  ATTUNE_ASSIGN_OR_RETURN(auto database, storage::Database::Open(open));
  StopSignal stop;
  options.cancelled = stop.flag();
  ATTUNE_ASSIGN_OR_RETURN(const EvaluationReport report,
                          EvaluateModel(*database, *model, options));
  if (arguments.json) {
    PrintJson(EvaluationJson(report));
  } else {
    Print(EvaluationTable(report, arguments.exclude_seen));
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterEvaluateCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      std::string(kCommand),
      "Rank held-out items over the full catalogue with a model, beside "
      "popularity and item-kNN");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command->add_option("--model", arguments->model, "Model directory")
      ->required();
  command
      ->add_option("--protocol", arguments->protocol,
                   "leave-one-out, time-split or last-basket; the one that "
                   "the model was trained under")
      ->capture_default_str()
      ->check(CLI::IsMember({"leave-one-out", "time-split", "last-basket"}));
  command
      ->add_option("--test-days", arguments->test_days,
                   "Days that a time split tests on (default: a tenth of the "
                   "time)")
      ->check(CLI::PositiveNumber);
  command->add_option("--k", arguments->ks, "Cut-offs of the metrics: 10,50")
      ->delimiter(',')
      ->check(CLI::Range(1, 100000));
  command->add_flag("--exclude-seen", arguments->exclude_seen,
                    "Show only the ranking without the user's earlier items");
  command->add_option("--threads", arguments->threads,
                      "Threads (default: all cores)");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Evaluate(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
