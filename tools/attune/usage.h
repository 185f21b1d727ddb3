#pragma once

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace attune {

/// Whether the first argument names a command of `app` (or is an option, --help
/// among them). If not, prints the commands, and the nearest, on stderr.
bool CheckCommandName(const CLI::App& app, int argc, const char* const* argv);

/// Says in one sentence on stderr what was wrong with the options, naming the
/// command; kExitUsage. For --help and --version prints them on stdout;
/// kExitOk.
int ReportParseError(const CLI::App& app, const CLI::ParseError& error);

}  // namespace attune
