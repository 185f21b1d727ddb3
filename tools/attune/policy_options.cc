#include "tools/attune/policy_options.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/status_macros.h"
#include "tools/attune/id_lists.h"
#include "tools/attune/option_values.h"

namespace attune {

void AddPolicyOptions(CLI::App& command, PolicyArguments* arguments) {
  command.add_flag("--exclude-seen", arguments->exclude_seen,
                   "Leave out items that the user has had to do with");
  command.add_flag("--include-unavailable", arguments->include_unavailable,
                   "Keep items that are marked unavailable");
  command.add_option("--category", arguments->require_categories,
                     "Only items of this category (may be given again: any)");
  command.add_option("--not-category", arguments->exclude_categories,
                     "No items of this category (may be given again)");
  command.add_option("--exclude", arguments->exclude,
                     "Leave these items out: ID,… or @FILE");
  command
      .add_option("--diversity", arguments->diversity,
                  "0: by score alone … 1: as different as can be (MMR)")
      ->check(RealNumber(0, 1));
  command.add_option("--value", arguments->value_formula,
                     "Value formula over the tasks, such as "
                     "\"p_click + 5*p_buy\" (default: the model's)");
}

absl::StatusOr<v1::Policy> MakePolicy(const PolicyArguments& arguments) {
  v1::Policy policy;
  policy.set_exclude_seen(arguments.exclude_seen);
  policy.set_include_unavailable(arguments.include_unavailable);
  for (const std::string& category : arguments.require_categories) {
    policy.add_require_categories(category);
  }
  for (const std::string& category : arguments.exclude_categories) {
    policy.add_exclude_categories(category);
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> excluded,
                          ReadIdList(arguments.exclude, "item_id"));
  for (const std::string& id : excluded) policy.add_exclude_ids(id);
  if (arguments.diversity > 0) policy.set_diversity(arguments.diversity);
  policy.set_value_formula(arguments.value_formula);
  return policy;
}

}  // namespace attune
