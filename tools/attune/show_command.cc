#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "engine/rank/text_table.h"
#include "engine/stored_model.h"
#include "storage/database.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"
#include "tools/attune/record_json.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;
using storage::Database;

constexpr std::string_view kCommand = "show";

struct Arguments {
  std::string database;
  std::string user;
  std::string item;
  int events = 20;
  bool check = false;
  bool json = false;
};

Json SchemaJson(const features::Schema& schema) {
  // The schema's own text: the form that --schema takes.
  return Json::parse(schema.ToJson());
}

absl::Status ShowDatabase(Database& database, const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const storage::Statistics stats, database.Stats());
  ATTUNE_ASSIGN_OR_RETURN(const features::Schema schema, LoadSchema(database));
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string> model,
                          database.GetMeta(kCurrentModelKey));
  if (arguments.json) {
    Json families = Json::array();
    for (const auto& family : stats.column_families) {
      families.push_back({{"name", family.name},
                          {"sst_bytes", family.sst_bytes},
                          {"memtable_bytes", family.memtable_bytes},
                          {"estimated_keys", family.estimated_keys}});
    }
    PrintJson({{"path", database.path()},
               {"format_version", stats.format_version},
               {"items", stats.items},
               {"users", stats.users},
               {"events", stats.events},
               {"histories", stats.histories},
               {"history_limit", stats.history_limit},
               {"model", model.has_value() ? Json(*model) : Json()},
               {"log_bytes", stats.log_bytes},
               {"column_families", std::move(families)},
               {"schema", SchemaJson(schema)}});
    return absl::OkStatus();
  }
  Print(fmt::format(
      "{}   {} (format {})\n"
      "items      {}\n"
      "users      {} with a record, {} with a history (the newest {} events "
      "are kept)\n"
      "events     {}\n"
      "model      {}\n",
      database.is_snapshot() ? "snapshot" : "database", database.path(),
      stats.format_version, WithCommas(stats.items), WithCommas(stats.users),
      WithCommas(stats.histories), WithCommas(stats.history_limit),
      WithCommas(stats.events), model.value_or("none published")));
  if (!schema.columns().empty()) {
    TextTable table({{"column"}, {"of"}, {"type"}, {"transform"}, {""}});
    for (const features::Column& column : schema.columns()) {
      table.AddRow({column.name,
                    std::string(features::EntityName(column.entity)),
                    std::string(features::ColumnTypeName(column.type)),
                    std::string(features::TransformName(column.transform)),
                    column.inferred ? "inferred" : "declared"});
    }
    Print("\n" + table.ToString());
  }
  TextTable sizes({{"on disk"},
                   {"files", TextTable::kRight},
                   {"in memory", TextTable::kRight},
                   {"keys (about)", TextTable::kRight}});
  int64_t total = stats.log_bytes;
  for (const auto& family : stats.column_families) {
    total += family.sst_bytes;
    sizes.AddRow({family.name, Bytes(family.sst_bytes),
                  Bytes(family.memtable_bytes),
                  WithCommas(family.estimated_keys)});
  }
  sizes.AddRow({"log", Bytes(stats.log_bytes)});
  sizes.AddRow({"together", Bytes(total)});
  Print("\n" + sizes.ToString());
  return absl::OkStatus();
}

void PrintFeatures(
    const google::protobuf::RepeatedPtrField<v1::Feature>& features) {
  TextTable table({{"feature"}, {"value"}});
  for (const v1::Feature& feature : features) {
    table.AddRow({feature.name(), ValueText(feature.value())});
  }
  if (!features.empty()) Print(table.ToString());
}

absl::StatusOr<std::string> TitleOf(Database& database,
                                    std::string_view item_id) {
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<v1::Item> item,
                          database.GetItem(item_id));
  return item.has_value() ? item->title() : std::string();
}

absl::Status ShowUser(Database& database, const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<v1::User> user,
                          database.GetUser(arguments.user));
  ATTUNE_ASSIGN_OR_RETURN(const v1::History history,
                          database.GetHistory(arguments.user));
  int64_t stored = 0;
  ATTUNE_RETURN_IF_ERROR(
      database.ForEachUserEvent(arguments.user, [&](const v1::Event&) {
        ++stored;
        return absl::OkStatus();
      }));
  if (!user.has_value() && stored == 0) {
    return absl::NotFoundError(StrCat("there is no user \"", arguments.user,
                                      "\" in ", arguments.database));
  }
  const int shown = std::min(arguments.events, history.events_size());
  if (arguments.json) {
    Json json =
        user.has_value() ? UserJson(*user) : Json{{"user_id", arguments.user}};
    json["stored_events"] = stored;
    json["history_count"] = history.count();
    Json events = Json::array();
    for (int i = history.events_size() - shown; i < history.events_size();
         ++i) {
      const v1::HistoryEvent& event = history.events(i);
      events.push_back(
          {{"item_id", event.item_id()},
           {"action", event.action()},
           {event.has_time() ? "time_ms" : "order", event.sort_key()}});
    }
    json["history"] = std::move(events);
    PrintJson(json);
    return absl::OkStatus();
  }
  Print(fmt::format("user {}: {}, {} in the history\n", arguments.user,
                    Count(stored, "stored event"),
                    WithCommas(history.count())));
  if (user.has_value()) PrintFeatures(user->features());
  if (shown == 0) return absl::OkStatus();
  TextTable table({{"time (UTC) or order"}, {"action"}, {"item"}, {"title"}});
  for (int i = history.events_size() - 1; i >= history.events_size() - shown;
       --i) {
    const v1::HistoryEvent& event = history.events(i);
    ATTUNE_ASSIGN_OR_RETURN(const std::string title,
                            TitleOf(database, event.item_id()));
    table.AddRow({event.has_time() ? TimeText(event.sort_key())
                                   : WithCommas(event.sort_key()),
                  event.action(), event.item_id(), CutToWidth(title, 60)});
  }
  Print("\nnewest first\n" + table.ToString());
  return absl::OkStatus();
}

absl::Status ShowItem(Database& database, const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<v1::Item> item,
                          database.GetItem(arguments.item));
  const std::string_view id = arguments.item;
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<v1::Counters> counters,
                          database.GetCounters(std::span(&id, 1)));
  if (!item.has_value() && counters[0].counters().empty()) {
    return absl::NotFoundError(StrCat("there is no item \"", arguments.item,
                                      "\" in ", arguments.database));
  }
  if (arguments.json) {
    Json json =
        item.has_value() ? ItemJson(*item) : Json{{"item_id", arguments.item}};
    json["counters"] = CountersJson(counters[0]);
    PrintJson(json);
    return absl::OkStatus();
  }
  if (item.has_value()) {
    Print(fmt::format("item {}: {}{}\n", item->item_id(), item->title(),
                      item->unavailable() ? " (unavailable)" : ""));
    if (!item->description().empty()) Print(item->description() + "\n");
    if (!item->tags().empty()) {
      Print(fmt::format("tags: {}\n", fmt::join(item->tags(), ", ")));
    }
    if (!item->categories().empty()) {
      Print(
          fmt::format("categories: {}\n", fmt::join(item->categories(), ", ")));
    }
    PrintFeatures(item->features());
  } else {
    Print(fmt::format("item {}: no record, events only\n", arguments.item));
  }
  if (!counters[0].counters().empty()) {
    TextTable table({{"counted"},
                     {"total", TextTable::kRight},
                     {"hour", TextTable::kRight},
                     {"day", TextTable::kRight},
                     {"week", TextTable::kRight},
                     {"month", TextTable::kRight},
                     {"as of (UTC)"}});
    for (const v1::Counter& counter : counters[0].counters()) {
      const bool timed = counter.reference_ms() != 0;
      table.AddRow({counter.action(), fmt::format("{}", counter.total()),
                    timed ? fmt::format("{:.2f}", counter.hour()) : "",
                    timed ? fmt::format("{:.2f}", counter.day()) : "",
                    timed ? fmt::format("{:.2f}", counter.week()) : "",
                    timed ? fmt::format("{:.2f}", counter.month()) : "",
                    timed ? TimeText(counter.reference_ms()) : ""});
    }
    Print("\n" + table.ToString());
  }
  return absl::OkStatus();
}

int RunShow(const Arguments& arguments) {
  absl::StatusOr<std::unique_ptr<Database>> database =
      OpenDatabaseFollower(arguments.database);
  if (!database.ok()) return Fail(kCommand, database.status());
  if (arguments.check) {
    const absl::Status checked = (*database)->CheckFile();
    if (!checked.ok()) return Fail(kCommand, checked);
  }
  const absl::Status shown =
      !arguments.user.empty()   ? ShowUser(**database, arguments)
      : !arguments.item.empty() ? ShowItem(**database, arguments)
                                : ShowDatabase(**database, arguments);
  return shown.ok() ? kExitOk : Fail(kCommand, shown);
}

}  // namespace

void RegisterShowCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "show", "Show what a database holds, or one user or item");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  CLI::Option* user =
      command->add_option("--user", arguments->user, "Show this user");
  command->add_option("--item", arguments->item, "Show this item")
      ->excludes(user);
  command
      ->add_option("--history", arguments->events,
                   "Newest events of the user's history to show")
      ->capture_default_str()
      ->check(WholeNumber(0, 1'000'000));
  command->add_flag("--check", arguments->check,
                    "Read and check every byte first (snapshots)");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    set_exit_code(RunShow(*arguments));
  });
}

}  // namespace attune
