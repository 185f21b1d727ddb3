#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/train/split.h"

namespace CLI {
class App;
}

namespace attune {

/// What `train` and `tune` hold out.
struct SplitArguments {
  std::string protocol = "leave-one-out";
  int test_days = 0;  ///< 0: a tenth of the time
};

/// Adds --protocol and --test-days. `arguments` must outlive the command.
void AddSplitOptions(CLI::App& command, SplitArguments* arguments);

absl::StatusOr<SplitOptions> MakeSplit(const SplitArguments& arguments);

}  // namespace attune
