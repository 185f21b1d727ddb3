#include "tools/attune/usage.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/excerpt.h"
#include "engine/io/nearest_name.h"
#include "tools/attune/console.h"

namespace attune {
namespace {

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

void PrintCommands(const CLI::App& app, std::string_view message) {
  fmt::print(stderr, "attune: {}\nThe commands are {}.\nSee attune --help\n",
             message, fmt::join(CommandNames(app), ", "));
}

std::string Hint(std::string_view text, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  return DidYouMean(text, views);
}

// What was given to a command that it does not know.
std::string UnknownArgument(const CLI::App& command,
                            const std::string& argument) {
  if (!argument.starts_with('-')) {
    return fmt::format(
        "{} is no option; each value follows the option it is "
        "for",
        Excerpt(argument));
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    names.push_back(option->get_name());
  }
  const std::string name = argument.substr(0, argument.find('='));
  return fmt::format("there is no option {}{}", name, Hint(name, names));
}

// CLI11's own sentences in our words where they are no sentences.
std::string Sentence(const CLI::ParseError& error) {
  std::string text = error.what();
  const std::string option = text.substr(0, text.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    if (text.ends_with("missing")) {
      return fmt::format("{} needs a value", option);
    }
    if (text.find("At Most 1 ") != std::string::npos) {
      return fmt::format("{} is given more than once", option);
    }
  }
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    const size_t verb = text.find(" excludes ");
    if (verb != std::string::npos) {
      return fmt::format(
          "{} and {} exclude each other", text.substr(0, verb),
          text.substr(verb + std::string_view(" excludes ").size()));
    }
  }
  return text;
}

}  // namespace

bool CheckCommandName(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2) {
    PrintCommands(app, "no command is given");
    return false;
  }
  const std::string name = argv[1];
  if (name.starts_with('-')) return true;
  const std::vector<std::string> names = CommandNames(app);
  for (const std::string& known : names) {
    if (name == known) return true;
  }
  PrintCommands(app, fmt::format("there is no command {}{}", Excerpt(name),
                                 Hint(name, names)));
  return false;
}

int ReportParseError(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    app.exit(error);  // prints the help or the version on stdout
    return kExitOk;
  }
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  // A misspelt option is the reason why the right one is missing.
  const std::vector<std::string> unknown = command.remaining();
  const std::string message = unknown.empty()
                                  ? Sentence(error)
                                  : UnknownArgument(command, unknown.front());
  if (!chosen.empty()) return FailUsage(command.get_name(), message);
  PrintCommands(app, message);
  return kExitUsage;
}

}  // namespace attune
