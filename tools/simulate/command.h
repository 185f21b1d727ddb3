#pragma once

#include <functional>

#include "tools/simulate/options.h"

namespace CLI {
class App;
}

namespace attune {

/// Runs `attune simulate`: progress on stderr if that is a terminal, a summary
/// on stdout, one line on stderr on failure. Returns the exit code: 0, 1
/// (failed) or 2 (impossible options).
int RunSimulate(const SimulateOptions& options);

/// Adds the `simulate` subcommand; when it is chosen, parsing runs it and
/// passes its exit code on. `app` keeps what it needs alive.
void RegisterSimulateCommand(CLI::App& app,
                             std::function<void(int)> set_exit_code);

}  // namespace attune
