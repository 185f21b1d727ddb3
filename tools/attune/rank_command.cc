#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/rank/response_json.h"
#include "engine/rank/response_table.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/context_option.h"
#include "tools/attune/id_lists.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/policy_options.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "rank";

struct Arguments {
  std::string database;
  std::string model_directory;
  std::string user;
  std::string candidates;
  uint32_t k = 10;
  int64_t now_ms = 0;
  bool explain = false;
  bool json = false;
  std::vector<std::string> context;
  PolicyArguments policy;
};

// Titles for the table; an item that cannot be read has none.
std::string TitleOf(storage::Database& database, std::string_view item_id) {
  const absl::StatusOr<std::optional<v1::Item>> read =
      database.GetItem(item_id);
  if (!read.ok()) return {};
  const std::optional<v1::Item>& item = *read;
  return item.has_value() ? item->title() : std::string();
}

// Over the whole catalogue, items that the user has had to do with stand high;
// whether they are wanted depends on the trade, so the answer has them and says
// so.
void NoteSeen(storage::Database& database, const Arguments& arguments,
              const v1::RankResponse& response) {
  const absl::StatusOr<v1::History> history =
      database.GetHistory(arguments.user);
  if (!history.ok()) return;
  std::set<std::string_view> seen;
  for (const v1::HistoryEvent& event : history->events()) {
    seen.insert(event.item_id());
  }
  int64_t count = 0;
  for (const v1::RankedItem& item : response.items()) {
    count += seen.contains(item.item_id()) ? 1 : 0;
  }
  if (count > 0) {
    Note(kCommand, StrCat(count, " of the ", response.items_size(),
                          " are in the user's history; --exclude-seen leaves "
                          "such items out"));
  }
}

absl::Status Rank(const Arguments& arguments) {
  v1::RankRequest request;
  request.set_user_id(arguments.user);
  request.set_k(arguments.k);
  request.set_explain(arguments.explain);
  request.set_now_ms(arguments.now_ms);
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_policy(),
                          MakePolicy(arguments.policy));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> candidates,
                          ReadIdList(arguments.candidates, "item_id"));
  if (!arguments.candidates.empty()) {
    ATTUNE_RETURN_IF_ERROR(RequireItems(candidates, arguments.candidates));
  }
  for (const std::string& id : candidates) request.add_candidate_ids(id);
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<v1::Feature> context,
                          MakeContext(arguments.context, arguments.database));
  request.mutable_context()->Assign(context.begin(), context.end());

  WarnOfForeignModel(kCommand, arguments.model_directory, arguments.database);
  ATTUNE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Engine> engine,
      OpenFollower(kCommand, arguments.database, arguments.model_directory));
  ATTUNE_ASSIGN_OR_RETURN(const v1::RankResponse response,
                          engine->Rank(request));
  if (arguments.json) {
    Print(ResponseToJson(response) + "\n");
    return absl::OkStatus();
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  ResponseTableOptions table;
  table.title_of = [&database](std::string_view item_id) {
    return TitleOf(*database, item_id);
  };
  Print(ResponseToTable(response, table));
  if (!response.retrieved() || arguments.policy.exclude_seen) {
    return absl::OkStatus();
  }
  NoteSeen(*database, arguments, response);
  return absl::OkStatus();
}

}  // namespace

void RegisterRankCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("rank", "Rank items for one user, with reasons");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  command
      ->add_option("--user", arguments->user,
                   "The user; one without history is served, too")
      ->required();
  command->add_option("--candidates", arguments->candidates,
                      "Items to rank: ID,… or @FILE (default: the best 1,000 "
                      "of the catalogue by the match term)");
  command->add_option("--k", arguments->k, "Items to show; 0: all candidates")
      ->capture_default_str()
      ->check(WholeNumber(0, 1'000'000'000));
  command->add_flag("--explain", arguments->explain,
                    "Say which events of the history speak for an item");
  command->add_option("--model", arguments->model_directory,
                      "A model directory instead of the published model");
  command
      ->add_option("--now-ms", arguments->now_ms,
                   "Unix time in ms to rank at (default: now)")
      ->check(WholeNumber(0, kMostNowMs));
  AddContextOption(*command, &arguments->context);
  AddPolicyOptions(*command, &arguments->policy);
  command->add_flag("--json", arguments->json, "Print one line of JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Rank(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
