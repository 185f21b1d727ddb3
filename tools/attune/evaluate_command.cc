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
#include "base/strings.h"
#include "engine/train/evaluate_model.h"
#include "engine/train/evaluation_json.h"
#include "engine/train/model_origin.h"
#include "storage/database.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/evaluation_output.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "evaluate";

struct Arguments {
  std::string database;
  std::string model;
  std::string protocol;  // empty: the model's
  int test_days = 0;     // 0: the model's
  std::vector<int> ks = {10, 50};
  int threads = 0;
  bool exclude_seen = false;
  bool whole_catalogue = false;
  bool json = false;
};

// The split to evaluate under: the one that the model was trained under. Any
// other has put what training saw among the targets.
absl::StatusOr<SplitOptions> FindSplit(const Arguments& arguments,
                                       const ModelOrigin& origin) {
  SplitOptions split = origin.split;
  if (!origin.has_split) {
    Warn(kCommand, StrCat("the model's report.json does not say under which "
                          "protocol it was trained; under another one it has "
                          "seen the targets"));
    split.test_days = arguments.test_days;
    if (arguments.protocol.empty()) return split;
    ATTUNE_ASSIGN_OR_RETURN(split.protocol, ParseProtocol(arguments.protocol));
    return split;
  }
  const std::string_view trained = ProtocolName(split.protocol);
  if (!arguments.protocol.empty() && arguments.protocol != trained) {
    return absl::FailedPreconditionError(StrCat(
        "the model was trained under ", trained, ": under ", arguments.protocol,
        " it has seen the targets; leave --protocol out, or train another "
        "model with --protocol ",
        arguments.protocol));
  }
  if (arguments.test_days > 0 && arguments.test_days != split.test_days) {
    return absl::FailedPreconditionError(
        StrCat("the model was trained with ",
               split.test_days > 0 ? StrCat("--test-days ", split.test_days)
                                   : std::string("no --test-days"),
               ", not with ", arguments.test_days,
               ": it may have seen the targets; leave --test-days out"));
  }
  return split;
}

absl::Status Evaluate(const Arguments& arguments) {
  EvaluateModelOptions options;
  options.ks = arguments.ks;
  options.threads =
      arguments.threads > 0 ? arguments.threads : AvailableCores();
  ATTUNE_ASSIGN_OR_RETURN(const auto model, Model::Load(arguments.model, {}));
  const ModelOrigin origin = OriginOf(*model);
  ATTUNE_ASSIGN_OR_RETURN(options.split, FindSplit(arguments, origin));
  options.split.whole_catalogue = arguments.whole_catalogue;
  ATTUNE_RETURN_IF_ERROR(CheckModelFits(kCommand, *model, arguments.database));
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  StopSignal stop;
  options.cancelled = stop.flag();
  ATTUNE_ASSIGN_OR_RETURN(const EvaluationReport report,
                          EvaluateModel(*database, *model, options));
  if (!origin.fingerprint.empty() &&
      origin.fingerprint != report.data_fingerprint) {
    Note(kCommand,
         "the data have changed since the model was trained, so the targets "
         "are others than those of its report.json");
  }
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
      "Rank held-out items among all that occur in the events, with a model "
      "and, beside it, popularity and item-kNN");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command->add_option("--model", arguments->model, "Model directory")
      ->required();
  command
      ->add_option(
          "--protocol", arguments->protocol,
          "How validation and test are cut off (default, and all that is "
          "allowed: the one that the model was trained under)")
      ->check(OneOf(ProtocolNames()));
  command
      ->add_option("--test-days", arguments->test_days,
                   "Days that a time split tests on (default: as in training)")
      ->check(WholeNumber(1, 36500));
  command->add_option("--k", arguments->ks, "Cut-offs of the metrics: 10,50")
      ->delimiter(',')
      ->check(WholeNumber(1, 100'000));
  command->add_flag("--exclude-seen", arguments->exclude_seen,
                    "Show only the ranking without the user's earlier items");
  command
      ->add_option("--threads", arguments->threads,
                   "Threads (default: the cores there are)")
      ->check(WholeNumber(1, 1024));
  command->add_flag("--whole-catalogue", arguments->whole_catalogue,
                    "Rank among all items of the database, instead of those "
                    "that occur in the events, as published tables do");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Evaluate(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
