#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>

#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/usage.h"

namespace {

int Run(int argc, char** argv) {
  CLI::App app(
      "Attune ranks: from logs to a ranked, explained list.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong use.");
  app.name("attune");
  app.require_subcommand(1);
  app.set_version_flag("--version", ATTUNE_VERSION);
  int exit_code = attune::kExitOk;
  const attune::SetExitCode set_exit_code = [&exit_code](int code) {
    exit_code = code;
  };
  attune::RegisterIngestCommand(app, set_exit_code);
  attune::RegisterTrainCommand(app, set_exit_code);
  attune::RegisterTuneCommand(app, set_exit_code);
  attune::RegisterPruneCommand(app, set_exit_code);
  attune::RegisterEvaluateCommand(app, set_exit_code);
  attune::RegisterPublishCommand(app, set_exit_code);
  attune::RegisterRankCommand(app, set_exit_code);
  attune::RegisterBatchCommand(app, set_exit_code);
  attune::RegisterShowCommand(app, set_exit_code);
  attune::RegisterBenchCommand(app, set_exit_code);
  attune::RegisterSnapshotCommand(app, set_exit_code);
  attune::RegisterSimulateCommand(app, set_exit_code);
  if (!attune::CheckCommandName(app, argc, argv)) return attune::kExitUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return attune::ReportParseError(app, error);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int exit_code = Run(argc, argv);
    // A full disk or a closed pipe behind stdout is a failure, too.
    if (std::fflush(stdout) != 0 && exit_code == attune::kExitOk) {
      std::perror("attune: cannot write the result");
      return attune::kExitFailed;
    }
    return exit_code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attune: %s\n", error.what());
    return attune::kExitFailed;
  }
}
