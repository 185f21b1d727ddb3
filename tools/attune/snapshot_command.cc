#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "engine/snapshot.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "snapshot";

struct Arguments {
  MakeSnapshotOptions make;
  bool json = false;
};

absl::Status Snapshot(const Arguments& arguments) {
  MakeSnapshotOptions options = arguments.make;
  const StopSignal stop;
  options.cancelled = stop.flag();
  ATTUNE_ASSIGN_OR_RETURN(const MadeSnapshot made, MakeSnapshot(options));
  const storage::SnapshotSummary& rows = made.rows;
  if (rows.vectors < rows.items) {
    Warn(kCommand,
         fmt::format("{} of {} have no vector of model {}: whoever opens the "
                     "file embeds them; publish the model again before",
                     WithCommas(rows.items - rows.vectors),
                     Count(rows.items, "item"), made.model_version));
  }
  if (arguments.json) {
    PrintJson({{"path", options.output_path},
               {"model", made.model_version},
               {"items", rows.items},
               {"vectors", rows.vectors},
               {"users", rows.users},
               {"histories", rows.histories},
               {"events", rows.events},
               {"bytes", rows.size_bytes}});
    return absl::OkStatus();
  }
  Print(fmt::format(
      "{}: {}, {}, model {}\n", options.output_path, Bytes(rows.size_bytes),
      options.histories
          ? fmt::format("{}, {}, {}", Count(rows.items, "item"),
                        Count(rows.histories, "history", "histories"),
                        Count(rows.events, "event"))
          : Count(rows.items, "item"),
      made.model_version));
  return absl::OkStatus();
}

}  // namespace

void RegisterSnapshotCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "snapshot", "Pack model and items into one file that is read anywhere");
  command
      ->add_option("--db", arguments->make.database_path, "Database directory")
      ->required();
  command
      ->add_option("--out", arguments->make.output_path,
                   "File to write; appears when it is complete")
      ->required();
  command->add_flag("--histories", arguments->make.histories,
                    "Users with their histories and events, too");
  command->add_flag("--json", arguments->json, "Print the summary as JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Snapshot(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
