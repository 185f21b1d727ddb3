#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/rank/latency_json.h"
#include "tools/attune/bench_load.h"
#include "tools/attune/bench_output.h"
#include "tools/attune/bench_requests.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"
#include "tools/attune/option_values.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "bench";
constexpr int kMostThreads = 1024;

struct Arguments {
  BenchRequestOptions requests;
  std::string model_directory;
  int repeat = 3;
  int threads = 1;
  double rate = 0;  // 0: closed loop
  std::string arrivals = "poisson";
  double cold_share = 0;
  bool json = false;
};

using Requests = std::vector<v1::RankRequest>;

std::string Callers(const Arguments& arguments) {
  return Count(arguments.threads, "thread");
}

// Warm and cold in turn, so that a slower machine is slower for both.
absl::Status Closed(const Arguments& arguments, Engine& engine,
                    Requests& requests) {
  BenchSamples warm, cold;
  for (int round = 0; round < arguments.repeat; ++round) {
    for (BenchSamples* samples : {&warm, &cold}) {
      for (v1::RankRequest& request : requests) {
        request.set_without_state(samples == &cold);
      }
      ATTUNE_RETURN_IF_ERROR(
          RunClosedLoop(engine, requests, arguments.threads, samples));
    }
  }
  const int64_t count = static_cast<int64_t>(requests.size());
  nlohmann::ordered_json json = {
      {"requests", count}, {"loop", "closed"}, {"threads", arguments.threads}};
  TextTable table = LatencyTable(Callers(arguments));
  std::string stages;
  for (const auto& [name, samples] :
       {std::pair<const char*, const BenchSamples*>{"warm", &warm},
        {"cold", &cold}}) {
    const double per_second = static_cast<double>(samples->latency.count()) /
                              (1e-9 * static_cast<double>(samples->wall_ns));
    json[name] = LatencyJson(samples->latency);
    json[name]["requests_per_second"] = per_second;
    AddStages(*samples, &json[name]);
    AddLatencyRow(name, samples->latency, per_second, WarmShare(*samples),
                  &table);
    stages += "\n" + StageTable(name, *samples);
  }
  if (arguments.json) {
    PrintJson(json);
    return absl::OkStatus();
  }
  Print(fmt::format("{}, each {} times; warm: the history is encoded already, "
                    "cold: it is encoded in the request\n",
                    Count(count, "request"), arguments.repeat) +
        table.ToString() + stages);
  return absl::OkStatus();
}

absl::Status Open(const Arguments& arguments, Engine& engine,
                  Requests& requests) {
  Rng rng(arguments.requests.seed);
  for (v1::RankRequest& request : requests) {
    request.set_without_state(rng.Bernoulli(arguments.cold_share));
  }
  BenchSamples warm, cold;
  ATTUNE_RETURN_IF_ERROR(
      RunOpenLoop(engine, requests, arguments.repeat,
                  {arguments.rate, arguments.arrivals == "poisson", rng.Next()},
                  arguments.threads, warm, cold));
  LatencyHistogram latency, service;
  for (const BenchSamples* samples : {&warm, &cold}) {
    latency.Merge(samples->latency);
    service.Merge(samples->service);
  }
  const int64_t count = latency.count();
  const double per_second =
      static_cast<double>(count) / (1e-9 * static_cast<double>(warm.wall_ns));
  const double warm_share =
      static_cast<double>(warm.latency.count()) / static_cast<double>(count);
  constexpr double kKeptUp = 0.95;
  if (per_second < kKeptUp * arguments.rate) {
    Note(kCommand,
         fmt::format("{} answered {:.0f} of {:g} requests per second: the "
                     "waiting grows with the length of the run; give a lower "
                     "--rate, or more --threads where there are cores",
                     Callers(arguments), per_second, arguments.rate));
  }
  nlohmann::ordered_json json = {{"requests", count},
                                 {"loop", "open"},
                                 {"threads", arguments.threads},
                                 {"rate", arguments.rate},
                                 {"arrivals", arguments.arrivals},
                                 {"requests_per_second", per_second},
                                 {"warm_share", warm_share},
                                 {"latency", LatencyJson(latency)},
                                 {"service", LatencyJson(service)}};
  TextTable table = LatencyTable(Callers(arguments));
  std::string stages;
  for (const auto& [name, samples] :
       {std::pair<const char*, const BenchSamples*>{"warm", &warm},
        {"cold", &cold}}) {
    json[name] = LatencyJson(samples->latency);
    AddStages(*samples, &json[name]);
    if (samples->latency.count() == 0) continue;
    AddLatencyRow(name, samples->latency, 0, -1, &table);
    stages += "\n" + StageTable(name, *samples);
  }
  if (arguments.json) {
    PrintJson(json);
    return absl::OkStatus();
  }
  AddLatencyRow("all", latency, per_second, warm_share, &table);
  AddLatencyRow("all, without waiting", service, 0, -1, &table);
  Print(fmt::format("{} at {:g} per second ({} arrivals); times are from the "
                    "arrival, waiting for a free thread included\n",
                    Count(count, "request"), arguments.rate,
                    arguments.arrivals) +
        table.ToString() + stages);
  return absl::OkStatus();
}

absl::Status Bench(const Arguments& arguments) {
  const std::string& database = arguments.requests.database;
  ATTUNE_ASSIGN_OR_RETURN(Requests requests, BenchRequests(arguments.requests));
  WarnOfForeignModel(kCommand, arguments.model_directory, database);
  ATTUNE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Engine> engine,
      OpenFollower(kCommand, database, arguments.model_directory));
  // Once through for caches and kept states.
  ATTUNE_RETURN_IF_ERROR(
      RunClosedLoop(*engine, requests, arguments.threads, nullptr));
  return arguments.rate > 0 ? Open(arguments, *engine, requests)
                            : Closed(arguments, *engine, requests);
}

}  // namespace

void RegisterBenchCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  BenchRequestOptions& drawn = arguments->requests;
  CLI::App* command = app.add_subcommand(
      "bench", "Measure the latency of requests on one's own data");
  command->add_option("--db", drawn.database, "Database directory")->required();
  CLI::Option* requests = command->add_option(
      "--requests", drawn.file,
      "File of requests: user_id and candidates (default: drawn at random)");
  command->add_option("--count", drawn.count, "Requests to draw")
      ->capture_default_str()
      ->check(WholeNumber(1, 1'000'000))
      ->excludes(requests);
  command
      ->add_option("--candidates", drawn.candidates,
                   "Candidates per drawn request")
      ->capture_default_str()
      ->check(WholeNumber(1, 100'000))
      ->excludes(requests);
  command->add_option("--k", drawn.k, "Items per answer; 0: all")
      ->capture_default_str()
      ->check(WholeNumber(0, 1'000'000'000));
  command->add_option("--repeat", arguments->repeat, "Rounds to measure")
      ->capture_default_str()
      ->check(WholeNumber(1, 1000));
  command->add_option("--threads", arguments->threads, "Callers side by side")
      ->capture_default_str()
      ->check(WholeNumber(1, kMostThreads));
  CLI::Option* rate =
      command
          ->add_option("--rate", arguments->rate,
                       "Open loop: requests that arrive per second, whether "
                       "others are answered or not (default: each caller sends "
                       "the next when it has its answer)")
          ->check(RealNumber(0.001, 1e6));
  command
      ->add_option("--arrivals", arguments->arrivals,
                   "How they arrive: poisson (at random) or fixed (equally "
                   "spaced)")
      ->capture_default_str()
      ->check(OneOf({"poisson", "fixed"}))
      ->needs(rate);
  command
      ->add_option("--cold-share", arguments->cold_share,
                   "Share of the requests that do not use kept states")
      ->capture_default_str()
      ->check(RealNumber(0, 1))
      ->needs(rate);
  command
      ->add_option("--seed", drawn.seed,
                   "Of the drawn requests and the arrivals")
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
