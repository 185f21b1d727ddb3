#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/option_values.h"
#include "tools/attune/stop_signal.h"
#include "tools/simulate/simulator.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "simulate";
constexpr uint64_t kMostUsers = 1'000'000'000;
constexpr uint64_t kMostItems = 100'000'000;

std::string Summary(const SimulationReport& report) {
  const double clicks = static_cast<double>(report.clicks);
  std::string text = fmt::format(
      "{} items, {} simulated readers, {} impressions\n"
      "{} clicks ({:.1f}% of impressions, {:.1f} per reader), {} comments, {} "
      "shares, {} buys, {} returns\n",
      report.items, report.users, report.impressions, report.clicks,
      100 * clicks /
          static_cast<double>(report.impressions ? report.impressions : 1),
      clicks / static_cast<double>(report.users), report.comments,
      report.shares, report.buys, report.returns);
  for (const std::string& file : report.files) {
    text += fmt::format("wrote {}\n", file);
  }
  return text;
}

absl::Status Simulate(const SimulateOptions& options) {
  ATTUNE_ASSIGN_OR_RETURN(Simulator simulator, Simulator::Create(options));
  StopSignal stop;
  ProgressLine line;
  ATTUNE_ASSIGN_OR_RETURN(const SimulationReport report,
                          simulator.Run([&](const SimulationReport& so_far) {
                            line.Update(options.out_dir,
                                        static_cast<int64_t>(so_far.users),
                                        "readers",
                                        static_cast<double>(so_far.users) /
                                            static_cast<double>(options.users));
                            return !stop.flag()->load();
                          }));
  line.Clear();
  Print(Summary(report));
  return absl::OkStatus();
}

}  // namespace

void RegisterSimulateCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* command = app.add_subcommand(
      std::string(kCommand),
      "Invent readers (and books) and write the logs of a simulated shop");
  command
      ->add_option("--out", options->out_dir,
                   "Folder for users.tsv, events.tsv (and items.jsonl)")
      ->required();
  command->add_option("--users", options->users, "Number of readers")
      ->capture_default_str()
      ->check(WholeNumber(1, kMostUsers));
  CLI::Option* items =
      command
          ->add_option("--items", options->items,
                       "Number of books to invent; with --catalogue: use its "
                       "first so many")
          ->check(WholeNumber(1, kMostItems));
  CLI::Option* catalogue = command->add_option(
      "--catalogue", options->catalogue,
      "Take the books from this file (JSON lines, plain or .gz) instead of "
      "inventing them");
  command->add_option("--seed", options->seed, "Equal seeds give equal files")
      ->capture_default_str()
      ->check(WholeNumber(0, ~uint64_t{0}));
  command->add_option("--days", options->days, "Length of the simulated time")
      ->capture_default_str()
      ->check(WholeNumber(1, 36500));
  command
      ->add_option("--searches", options->searches,
                   "Share of the pages that answer a search, 0 to 1: their "
                   "events have a query")
      ->capture_default_str()
      ->check(RealNumber(0, 1));
  command->add_flag("--gz", options->gzip, "Compress the files");
  command->add_flag("--truth", options->truth,
                    "Also write truth.tsv: how an oracle that knows each "
                    "reader's mind ranked every click (slow; small shops)");
  command->callback(
      [options, items, catalogue, set_exit_code = std::move(set_exit_code)] {
        if (items->count() == 0 && catalogue->count() == 0) {
          set_exit_code(FailUsage(
              kCommand, "give --items N to invent books, or --catalogue FILE"));
          return;
        }
        const absl::Status status = Simulate(*options);
        set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
      });
}

}  // namespace attune
