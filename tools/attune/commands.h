#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace attune {

/// Every command adds itself to the program; when it is chosen, parsing runs it
/// and passes its exit code on. `app` keeps what the command needs alive.
using SetExitCode = std::function<void(int)>;

void RegisterIngestCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterTrainCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterPruneCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterEvaluateCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterPublishCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterRankCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterBatchCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterShowCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterBenchCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterSnapshotCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterTuneCommand(CLI::App& app, SetExitCode set_exit_code);
void RegisterSimulateCommand(CLI::App& app, SetExitCode set_exit_code);

}  // namespace attune
