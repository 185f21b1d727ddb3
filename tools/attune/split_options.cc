#include "tools/attune/split_options.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/status_macros.h"
#include "tools/attune/option_values.h"

namespace attune {

void AddSplitOptions(CLI::App& command, SplitArguments* arguments) {
  command
      .add_option("--protocol", arguments->protocol,
                  "How validation and test are cut off")
      ->capture_default_str()
      ->check(OneOf(ProtocolNames()));
  command
      .add_option("--test-days", arguments->test_days,
                  "Days that a time split tests on, and validates on before "
                  "(default: a tenth of the time each)")
      ->check(WholeNumber(1, 36500));
}

absl::StatusOr<SplitOptions> MakeSplit(const SplitArguments& arguments) {
  SplitOptions split;
  ATTUNE_ASSIGN_OR_RETURN(split.protocol, ParseProtocol(arguments.protocol));
  split.test_days = arguments.test_days;
  return split;
}

}  // namespace attune
