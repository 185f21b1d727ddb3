#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/batch/batch.h"
#include "engine/batch/id_source.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/context_option.h"
#include "tools/attune/id_lists.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/policy_options.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "batch";

struct Arguments {
  std::string database;
  std::string model_directory;
  std::string users;
  std::string candidates;
  BatchOptions batch;
  std::vector<std::string> context;
  PolicyArguments policy;
  int threads = 0;
  bool json = false;
};

absl::StatusOr<std::unique_ptr<IdSource>> OpenUsers(
    const Arguments& arguments) {
  if (!arguments.users.empty()) return OpenIdFile(arguments.users, "user_id");
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  ATTUNE_ASSIGN_OR_RETURN(std::vector<std::string> users, AllUsers(*database));
  return IdsOf(std::move(users));
}

void PrintSummary(const Arguments& arguments, const BatchSummary& summary) {
  const double milliseconds = 1e-6;
  if (arguments.json) {
    PrintJson({{"out", arguments.batch.output_path},
               {"users", summary.users},
               {"users_resumed", summary.users_resumed},
               {"users_without_history", summary.users_without_history},
               {"items", summary.items},
               {"bytes", summary.bytes},
               {"model", summary.model},
               {"now_ms", summary.now_ms},
               {"seconds", summary.seconds},
               {"p50_ms", milliseconds * summary.latency.p50_ns},
               {"p95_ms", milliseconds * summary.latency.p95_ns},
               {"p99_ms", milliseconds * summary.latency.p99_ns}});
    return;
  }
  const int64_t users = summary.users - summary.users_resumed;
  Print(fmt::format(
      "{}: {}{}, {} in {} by model {}\n"
      "{} in {} ({:.0f} users/s), per user p50 {:.2f} ms, p95 {:.2f} ms, p99 "
      "{:.2f} ms; {} without history\n",
      arguments.batch.output_path, Count(summary.users, "user"),
      summary.users_resumed > 0 ? fmt::format(" ({} of them earlier)",
                                              WithCommas(summary.users_resumed))
                                : "",
      Count(summary.items, "item"), Bytes(summary.bytes), summary.model,
      Count(users, "user"), Duration(summary.seconds),
      static_cast<double>(users) / std::max(summary.seconds, 1e-9),
      milliseconds * static_cast<double>(summary.latency.p50_ns),
      milliseconds * static_cast<double>(summary.latency.p95_ns),
      milliseconds * static_cast<double>(summary.latency.p99_ns),
      Count(summary.users_without_history, "user")));
}

absl::Status Batch(const Arguments& arguments) {
  BatchOptions options = arguments.batch;
  options.threads =
      arguments.threads > 0 ? arguments.threads : AvailableCores();
  ATTUNE_ASSIGN_OR_RETURN(options.policy, MakePolicy(arguments.policy));
  ATTUNE_ASSIGN_OR_RETURN(options.context,
                          MakeContext(arguments.context, arguments.database));
  if (!arguments.candidates.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(options.candidate_ids,
                            ReadIdFile(arguments.candidates, "item_id"));
    ATTUNE_RETURN_IF_ERROR(
        RequireItems(options.candidate_ids, arguments.candidates));
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<IdSource> users,
                          OpenUsers(arguments));
  WarnOfForeignModel(kCommand, arguments.model_directory, arguments.database);
  ATTUNE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Engine> engine,
      OpenFollower(kCommand, arguments.database, arguments.model_directory));
  StopSignal stop;
  options.cancelled = stop.flag();
  ProgressLine line;
  bool resumed = false;
  ATTUNE_ASSIGN_OR_RETURN(
      const BatchSummary summary,
      RunBatch(*engine, *users, options, [&](const BatchProgress& progress) {
        const double share =
            progress.users_total <= 0
                ? -1
                : static_cast<double>(progress.users) /
                      static_cast<double>(progress.users_total);
        if (!resumed && progress.users_resumed > 0) {
          resumed = true;
          line.Restart(share);
        }
        line.Update(options.output_path,
                    progress.users - progress.users_resumed, "users", share);
      }));
  line.Clear();
  PrintSummary(arguments, summary);
  return absl::OkStatus();
}

}  // namespace

void RegisterBatchCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  BatchOptions& batch = arguments->batch;
  CLI::App* command = app.add_subcommand(
      "batch", "Rank for many users into a file, one line per user");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command
      ->add_option("--out", batch.output_path,
                   "File to write: JSON lines or TSV by its ending, .gz too; "
                   "appears when it is complete")
      ->required();
  command->add_option("--users", arguments->users,
                      "File of users: JSON lines, TSV or one id per line "
                      "(default: all of the database)");
  command->add_option("--candidates", arguments->candidates,
                      "File of items to rank for every user (default: the "
                      "best 1,000 of the catalogue by the match term)");
  command->add_option("--k", batch.k, "Items per user; 0: all candidates")
      ->capture_default_str()
      ->check(WholeNumber(0, 1'000'000'000));
  command->add_flag("--explain", batch.explain,
                    "Add the reasons (JSON lines only)");
  command->add_flag("--resume", batch.resume,
                    "Go on with the unfinished output of a stopped run");
  command
      ->add_option("--threads", arguments->threads,
                   "Threads (default: the cores there are)")
      ->check(WholeNumber(1, 1024));
  command->add_option("--model", arguments->model_directory,
                      "A model directory instead of the published model");
  command
      ->add_option("--now-ms", batch.now_ms,
                   "Unix time in ms to rank at (default: now)")
      ->check(WholeNumber(0, kMostNowMs));
  AddContextOption(*command, &arguments->context);
  AddPolicyOptions(*command, &arguments->policy);
  command->add_flag("--json", arguments->json, "Print the summary as JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Batch(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
