#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "engine/ingest/ingest.h"
#include "engine/io/text_file.h"
#include "storage/database.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/option_values.h"
#include "tools/attune/stop_signal.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCommand = "ingest";

struct Arguments {
  std::string database;
  std::vector<std::string> items, users, events;
  std::string times;
  std::string schema;
  std::string map;
  std::string drop;
  std::string context;
  std::string on_error = "stop";
  int64_t rows_per_write = IngestOptions().rows_per_write;
  int history_limit = storage::OpenOptions().history_limit;
  bool again = false;
  bool sync = false;
  bool json = false;
};

absl::StatusOr<std::optional<features::Schema>> ReadSchema(
    const std::string& path) {
  if (path.empty()) return std::nullopt;
  absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<features::Schema> schema =
      features::Schema::FromJson(*text, path);
  if (!schema.ok()) return schema.status();
  return std::optional<features::Schema>(*std::move(schema));
}

Json FileJson(const FileSummary& file) {
  Json json = {{"kind", file.kind},
               {"path", file.path},
               {"complete", file.complete},
               {"already_done", file.already_done},
               {"changed_since", file.changed_since},
               {"resumed_behind_line", file.resumed_behind_line},
               {"rows", file.rows},
               {"added", file.added},
               {"skipped", file.skipped},
               {"misfits", file.misfits}};
  if (file.kind == "events") {
    json["duplicates"] = file.duplicates;
    json["without_time"] = file.without_time;
    json["numbered_here"] = file.numbered_here;
  } else {
    json["replaced"] = file.replaced;
    json["repeated"] = file.repeated;
  }
  json["errors"] = file.errors;
  if (file.misfits > 0) json["first_misfit"] = file.first_misfit;
  return json;
}

Json TimesJson(const AddTimesSummary& times) {
  return {{"rows", times.rows},
          {"skipped", times.skipped},
          {"errors", times.errors},
          {"events_timed", times.events_timed},
          {"users_timed", times.users_timed},
          {"users_incomplete", times.users_incomplete},
          {"users_without_need", times.users_without_need}};
}

void PrintSummaryJson(const IngestSummary& summary, const absl::Status& status,
                      double seconds) {
  Json files = Json::array();
  for (const FileSummary& file : summary.files) files.push_back(FileJson(file));
  Json columns = Json::array();
  for (const features::Column& column : summary.inferred) {
    columns.push_back(
        {{"entity", features::EntityName(column.entity)},
         {"name", column.name},
         {"type", features::ColumnTypeName(column.type)},
         {"transform", features::TransformName(column.transform)}});
  }
  Json json = {{"ok", status.ok()},
               {"seconds", seconds},
               {"files", std::move(files)},
               {"inferred_columns", std::move(columns)},
               {"times", TimesJson(summary.times)}};
  if (!summary.context.empty()) json["context"] = summary.context;
  if (!status.ok()) json["error"] = std::string(ToStd(status.message()));
  PrintJson(json);
}

void PrintFile(const FileSummary& file) {
  if (file.already_done) {
    Print(fmt::format(
        "{}: taken already, nothing to do (--again takes it once more)\n",
        file.path));
    return;
  }
  std::string line = fmt::format("{}: ", file.path);
  if (file.resumed_behind_line > 0) {
    line += fmt::format("{}continued behind line {}: ",
                        file.changed_since ? "changed since; " : "",
                        WithCommas(file.resumed_behind_line));
  }
  const std::string_view singular =
      std::string_view(file.kind).substr(0, file.kind.size() - 1);
  line += Count(file.added, singular) + " added";
  auto add = [&line](int64_t number, std::string_view what) {
    if (number > 0) line += fmt::format(", {} {}", WithCommas(number), what);
  };
  add(file.replaced, "replaced");
  add(file.repeated,
      "of them more than once in the file (the last one counts)");
  add(file.duplicates, "known by event_id and left out");
  add(file.skipped, file.skipped == 1 ? "bad row skipped" : "bad rows skipped");
  add(file.without_time, "with an order but no time");
  Print(line + "\n");
  if (file.numbered_here > 0) {
    Print(
        fmt::format("  {} had neither time nor order: the file's order "
                    "counts\n",
                    Count(file.numbered_here, "event")));
  }
  for (const std::string& error : file.errors) {
    Print(fmt::format("  skipped {}\n", error));
  }
  if (file.skipped > static_cast<int64_t>(file.errors.size())) {
    Print(fmt::format(
        "  … and {} more\n",
        WithCommas(file.skipped - static_cast<int64_t>(file.errors.size()))));
  }
  if (file.misfits > 0) {
    Print(
        fmt::format("  {} do not fit the inferred type and count as missing; "
                    "the first: {} (declare the column with --schema)\n",
                    Count(file.misfits, "value"), file.first_misfit));
  }
}

void PrintTimes(const std::string& path, const AddTimesSummary& times) {
  Print(fmt::format("{}: {} of {} timed\n", path,
                    Count(times.events_timed, "event"),
                    Count(times.users_timed, "user")));
  if (times.users_incomplete > 0) {
    Print(
        fmt::format("  {} left as they are: the file has no time for some "
                    "of their events\n",
                    Count(times.users_incomplete, "user")));
  }
  for (const std::string& error : times.errors) {
    Print(fmt::format("  skipped {}\n", error));
  }
}

void PrintSummary(const IngestSummary& summary, double seconds) {
  int64_t rows = 0;
  for (const FileSummary& file : summary.files) {
    PrintFile(file);
    rows += file.rows;
  }
  if (!summary.inferred.empty()) {
    std::string line = "new columns: ";
    for (size_t i = 0; i < summary.inferred.size(); ++i) {
      const features::Column& column = summary.inferred[i];
      line += fmt::format("{}{}.{} {}", i == 0 ? "" : ", ",
                          features::EntityName(column.entity), column.name,
                          features::ColumnTypeName(column.type));
    }
    Print(line + " (inferred; --schema declares others)\n");
  }
  if (!summary.context.empty()) {
    Print(fmt::format("requests may carry: {}\n", summary.context));
  }
  if (rows > 0) {
    Print(fmt::format("{} in {}\n", Count(rows, "row"), Duration(seconds)));
  }
}

int RunIngest(const Arguments& arguments) {
  if (arguments.items.empty() && arguments.users.empty() &&
      arguments.events.empty() && arguments.times.empty() &&
      arguments.context.empty()) {
    return FailUsage(
        kCommand,
        "nothing to take: give --items, --users, --events or --times");
  }
  IngestOptions options;
  options.items = arguments.items;
  options.users = arguments.users;
  options.events = arguments.events;
  options.times = arguments.times;
  absl::StatusOr<ColumnMap> map =
      ColumnMap::Parse(arguments.map, arguments.drop);
  if (!map.ok()) return FailUsage(kCommand, ToStd(map.status().message()));
  options.map = *std::move(map);
  auto context = ParseContextColumns(arguments.context);
  if (!context.ok()) {
    return FailUsage(kCommand, ToStd(context.status().message()));
  }
  options.context = *std::move(context);
  options.on_error = arguments.on_error == "skip"
                         ? IngestOptions::OnError::kSkip
                         : IngestOptions::OnError::kStop;
  options.again = arguments.again;
  options.sync = arguments.sync;
  options.rows_per_write = arguments.rows_per_write;
  absl::StatusOr<std::optional<features::Schema>> schema =
      ReadSchema(arguments.schema);
  if (!schema.ok()) return Fail(kCommand, schema.status());
  options.schema = *std::move(schema);

  // Before a database is made for files that cannot be read.
  const absl::Status inputs = CheckIngestInputs(options);
  if (!inputs.ok()) return Fail(kCommand, inputs);
  storage::OpenOptions open;
  open.path = arguments.database;
  open.create_if_missing = true;
  open.history_limit = arguments.history_limit;
  absl::StatusOr<std::unique_ptr<storage::Database>> database =
      storage::Database::Open(open);
  if (!database.ok()) return Fail(kCommand, database.status());

  StopSignal stop;
  options.cancelled = stop.flag();
  ProgressLine line;
  std::string path_shown;
  options.progress = [&](const IngestProgress& progress) {
    const double share = progress.file_size == 0
                             ? 1.0
                             : static_cast<double>(progress.file_position) /
                                   static_cast<double>(progress.file_size);
    if (progress.path != path_shown) {
      path_shown = std::string(progress.path);
      line.Restart(progress.rows < 10000 ? 0 : share);
    }
    line.Update(progress.path, progress.rows, "rows", share);
  };
  const int64_t start_ns = MonotonicNs();
  IngestSummary summary;
  const absl::Status status = IngestFiles(database->get(), options, &summary);
  const double seconds = static_cast<double>(MonotonicNs() - start_ns) * 1e-9;
  line.Clear();
  if (arguments.json) {
    PrintSummaryJson(summary, status, seconds);
  } else {
    PrintSummary(summary, seconds);
    if (!arguments.times.empty()) PrintTimes(arguments.times, summary.times);
  }
  return status.ok() ? kExitOk : Fail(kCommand, status);
}

}  // namespace

void RegisterIngestCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "ingest",
      "Take items, users and events into a database, each row exactly once");
  command->footer(
      "Files are JSON lines (.jsonl) or TSV with a header row (.tsv), plain or "
      "with .gz.\n"
      "Fixed names: item_id, user_id, action, timestamp (seconds), time_ms, "
      "order, event_id,\n"
      "title, description, tags, categories, unavailable; is_* columns of 0 "
      "and 1 make\n"
      "impressions. Every other column becomes a stored feature.");
  command
      ->add_option("--db", arguments->database,
                   "Database directory; made "
                   "where there is none")
      ->required();
  command->add_option("--items", arguments->items, "File of items");
  command->add_option("--users", arguments->users, "File of users");
  command->add_option("--events", arguments->events,
                      "File of events or impressions");
  command->add_option("--times", arguments->times,
                      "File of user_id, item_id and timestamp: times for "
                      "events that were taken with an order only");
  command->add_option("--schema", arguments->schema,
                      "schema.json: types of columns, meaning of actions");
  command->add_option("--map", arguments->map,
                      "Rename columns: NEW=OLD,… as in "
                      "item_id=book_id,order=pos");
  command->add_option("--drop", arguments->drop, "Leave columns out: NAME,…");
  command->add_option("--context", arguments->context,
                      "Event columns that requests carry, too: "
                      "NAME[:TYPE],… as in query:text,tab:categorical");
  command
      ->add_option("--on-error", arguments->on_error,
                   "At a bad row: stop (the rows before it stay; the next run "
                   "goes on there) or skip (counted and listed)")
      ->capture_default_str()
      ->check(OneOf({"stop", "skip"}));
  command->add_flag("--again", arguments->again,
                    "Take files that were taken before once more");
  command->add_flag("--sync", arguments->sync,
                    "fsync every write: survives a loss of power");
  command
      ->add_option("--rows-per-write", arguments->rows_per_write,
                   "Rows that are committed together")
      ->capture_default_str()
      ->check(WholeNumber(1, 10'000'000));
  command
      ->add_option("--history-limit", arguments->history_limit,
                   "Newest events kept per user's history; fixed when the "
                   "database is made")
      ->capture_default_str()
      ->check(WholeNumber(1, 1'000'000));
  command->add_flag("--json", arguments->json, "Print the summary as JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    set_exit_code(RunIngest(*arguments));
  });
}

}  // namespace attune
