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

#include "base/clock.h"
#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/io/excerpt.h"
#include "engine/io/id_field.h"
#include "engine/io/nearest_name.h"
#include "engine/io/record_reader.h"
#include "engine/rank/latency_histogram.h"
#include "engine/rank/text_table.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/id_lists.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "bench";

struct Arguments {
  std::string database;
  std::string model_directory;
  std::string requests;
  int count = 500;
  int candidates = 500;
  uint32_t k = 10;
  int repeat = 3;
  uint64_t seed = 1;
  bool json = false;
};

absl::Status TakeField(const RecordField& field, v1::RankRequest* request) {
  constexpr std::string_view kNames[] = {"user_id", "candidates"};
  if (field.name == kNames[0]) {
    if (field.missing()) return absl::OkStatus();  // the row has no user
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view id, IdOf(field));
    request->set_user_id(std::string(id));
    return absl::OkStatus();
  }
  if (field.name == kNames[1]) {
    if (field.missing()) return absl::OkStatus();  // the catalogue
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string_view> ids,
                            IdListOf(field));
    if (ids.empty()) {
      return absl::InvalidArgumentError(
          "holds no items; without the field, the catalogue is ranked");
    }
    for (std::string_view id : ids) {
      request->add_candidate_ids(std::string(id));
    }
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("unknown; user_id and candidates are expected",
             DidYouMean(field.name, kNames)));
}

// user_id and, where it is not the catalogue, candidates (a list, or "a|b" in
// TSV).
absl::StatusOr<std::vector<v1::RankRequest>> ReadRequests(
    const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<RecordReader> reader,
                          RecordReader::Open(arguments.requests));
  std::vector<v1::RankRequest> requests;
  Record record;
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const bool has_row, reader->Next(&record));
    if (!has_row) break;
    v1::RankRequest& request = requests.emplace_back();
    request.set_k(arguments.k);
    for (const RecordField& field : record.fields) {
      const absl::Status taken = TakeField(field, &request);
      if (!taken.ok()) {
        return RowError(record.path, record.line,
                        StrCat("field ", Excerpt(field.name), ": ",
                               ToStd(taken.message())));
      }
    }
  }
  if (requests.empty()) {
    return absl::InvalidArgumentError(
        StrCat(arguments.requests, ": holds no request"));
  }
  return requests;
}

// Users and candidates of the database, drawn at random.
absl::StatusOr<std::vector<v1::RankRequest>> DrawRequests(
    const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(arguments.database));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> users,
                          AllUsers(*database));
  std::vector<std::string> items;
  ATTUNE_RETURN_IF_ERROR(database->ForEachItem([&](const v1::Item& item) {
    items.push_back(item.item_id());
    return absl::OkStatus();
  }));
  if (users.empty() || items.empty()) {
    return absl::FailedPreconditionError(
        StrCat(arguments.database, ": holds ", users.size(), " users and ",
               items.size(), " items; both are needed"));
  }
  Rng rng(arguments.seed);
  std::vector<v1::RankRequest> requests;
  for (int i = 0; i < arguments.count; ++i) {
    v1::RankRequest& request = requests.emplace_back();
    request.set_user_id(users[rng.Below(users.size())]);
    request.set_k(arguments.k);
    // A partial shuffle: distinct items, each equally likely.
    const size_t wanted =
        std::min(items.size(), static_cast<size_t>(arguments.candidates));
    for (size_t c = 0; c < wanted; ++c) {
      std::swap(items[c], items[c + rng.Below(items.size() - c)]);
      request.add_candidate_ids(items[c]);
    }
  }
  return requests;
}

absl::Status RunAll(Engine& engine, std::vector<v1::RankRequest>& requests,
                    bool cold, LatencyHistogram* histogram) {
  for (v1::RankRequest& request : requests) {
    request.set_without_state(cold);
    const int64_t start_ns = MonotonicNs();
    ATTUNE_RETURN_IF_ERROR(engine.Rank(request).status());
    if (histogram != nullptr) histogram->Record(MonotonicNs() - start_ns);
  }
  return absl::OkStatus();
}

absl::Status Bench(const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(std::vector<v1::RankRequest> requests,
                          arguments.requests.empty() ? DrawRequests(arguments)
                                                     : ReadRequests(arguments));
  WarnOfForeignModel(kCommand, arguments.model_directory, arguments.database);
  ATTUNE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Engine> engine,
      OpenFollower(kCommand, arguments.database, arguments.model_directory));
  // Once through for caches and kept states; then both ways in turn, so that a
  // slower machine is slower for both.
  ATTUNE_RETURN_IF_ERROR(RunAll(*engine, requests, false, nullptr));
  LatencyHistogram warm, cold;
  for (int round = 0; round < arguments.repeat; ++round) {
    ATTUNE_RETURN_IF_ERROR(RunAll(*engine, requests, false, &warm));
    ATTUNE_RETURN_IF_ERROR(RunAll(*engine, requests, true, &cold));
  }
  nlohmann::ordered_json json = {{"requests", requests.size()}};
  TextTable table({{"one thread"},
                   {"p50 ms", TextTable::kRight},
                   {"p95 ms", TextTable::kRight},
                   {"p99 ms", TextTable::kRight},
                   {"mean ms", TextTable::kRight},
                   {"requests/s", TextTable::kRight}});
  for (const auto& [name, histogram] :
       {std::pair<const char*, const LatencyHistogram*>{"warm", &warm},
        {"cold", &cold}}) {
    const LatencyHistogram::Summary summary = histogram->Summarise();
    const double p50 = 1e-6 * static_cast<double>(summary.p50_ns);
    const double p95 = 1e-6 * static_cast<double>(summary.p95_ns);
    const double p99 = 1e-6 * static_cast<double>(summary.p99_ns);
    const double mean = 1e-6 * summary.mean_ns;
    json[name] = {{"p50_ms", p50},
                  {"p95_ms", p95},
                  {"p99_ms", p99},
                  {"mean_ms", mean},
                  {"count", summary.count}};
    table.AddRow({name, fmt::format("{:.3f}", p50), fmt::format("{:.3f}", p95),
                  fmt::format("{:.3f}", p99), fmt::format("{:.3f}", mean),
                  fmt::format("{:.0f}", 1000 / mean)});
  }
  if (arguments.json) {
    PrintJson(json);
    return absl::OkStatus();
  }
  Print(fmt::format("{}, each {} times; warm: the history is encoded already, "
                    "cold: it is encoded in the request\n",
                    Count(static_cast<int64_t>(requests.size()), "request"),
                    arguments.repeat) +
        table.ToString());
  return absl::OkStatus();
}

}  // namespace

void RegisterBenchCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure the latency of requests on one's own data");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  CLI::Option* requests = command->add_option(
      "--requests", arguments->requests,
      "File of requests: user_id and candidates (default: drawn at random)");
  command->add_option("--count", arguments->count, "Requests to draw")
      ->capture_default_str()
      ->check(WholeNumber(1, 1'000'000))
      ->excludes(requests);
  command
      ->add_option("--candidates", arguments->candidates,
                   "Candidates per drawn request")
      ->capture_default_str()
      ->check(WholeNumber(1, 100'000))
      ->excludes(requests);
  command->add_option("--k", arguments->k, "Items per answer; 0: all")
      ->capture_default_str()
      ->check(WholeNumber(0, 1'000'000'000));
  command->add_option("--repeat", arguments->repeat, "Rounds to measure")
      ->capture_default_str()
      ->check(WholeNumber(1, 1000));
  command->add_option("--seed", arguments->seed, "Of the drawn requests")
      ->capture_default_str()
      ->check(WholeNumber(0, ~uint64_t{0}));
  command->add_option("--model", arguments->model_directory,
                      "A model directory instead of the published model");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    const absl::Status status = Bench(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
