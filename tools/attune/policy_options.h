#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/attune.pb.h"

namespace CLI {
class App;
}

namespace attune {

/// The options of `rank` and `batch` that say what is left out and how the list
/// is put together after scoring.
struct PolicyArguments {
  bool exclude_seen = false;
  bool include_unavailable = false;
  std::vector<std::string> require_categories;
  std::vector<std::string> exclude_categories;
  std::string exclude;  ///< ids or @FILE
  float diversity = 0;
  std::string value_formula;
};

/// `arguments` must outlive the command.
void AddPolicyOptions(CLI::App& command, PolicyArguments* arguments);

absl::StatusOr<v1::Policy> MakePolicy(const PolicyArguments& arguments);

}  // namespace attune
