#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/open_engine.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "publish";

struct Arguments {
  std::string database;
  std::string model;
  bool rollback = false;
};

absl::Status Publish(const Arguments& arguments) {
  EngineOptions options;
  options.database_path = arguments.database;
  options.mode = EngineOptions::Mode::kOwner;
  options.publish_items_per_second = 0;  // the owner serves nobody
  options.log = WarningsOf(kCommand);
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                          Engine::Open(std::move(options)));
  const int64_t start_ns = MonotonicNs();
  if (arguments.rollback) {
    ATTUNE_RETURN_IF_ERROR(engine->RollbackModel());
    Print("the model before is the current one again\n");
    return absl::OkStatus();
  }
  ATTUNE_RETURN_IF_ERROR(engine->ReloadModel(arguments.model));
  Print(fmt::format(
      "{}: published in {}; it is the current model of {}\n", arguments.model,
      Duration(static_cast<double>(MonotonicNs() - start_ns) * 1e-9),
      arguments.database));
  return absl::OkStatus();
}

}  // namespace

void RegisterPublishCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "publish",
      "Check a model, compute the vectors of all items, make it the current "
      "one");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  CLI::Option* model =
      command->add_option("--model", arguments->model, "Model directory");
  command
      ->add_flag("--rollback", arguments->rollback,
                 "Go back to the model before the current one")
      ->excludes(model);
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    if (arguments->model.empty() && !arguments->rollback) {
      set_exit_code(FailUsage(kCommand, "give --model DIR or --rollback"));
      return;
    }
    const absl::Status status = Publish(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
