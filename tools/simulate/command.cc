#include "tools/simulate/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "tools/simulate/simulator.h"

namespace attune {
namespace {

using Clock = std::chrono::steady_clock;

int Fail(const absl::Status& status) {
  fmt::print(stderr, "attune simulate: {}\n", std::string(status.message()));
  return absl::IsInvalidArgument(status) || absl::IsOutOfRange(status) ? 2 : 1;
}

/// Redraws one line on a terminal, at most five times a second.
class ProgressLine {
 public:
  explicit ProgressLine(uint64_t users)
      : users_(users), shown_(isatty(STDERR_FILENO) != 0) {}

  void Update(const SimulationReport& so_far) {
    if (!shown_) return;
    const Clock::time_point now = Clock::now();
    const bool last = so_far.users == users_;
    if (!last && now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    const double seconds =
        std::chrono::duration<double>(now - start_).count() + 1e-9;
    const double rate = static_cast<double>(so_far.users) / seconds;
    fmt::print(stderr,
               "\r\x1b[K{} of {} readers, {} impressions, {:.0f} readers/s, "
               "{:.0f} s left",
               so_far.users, users_, so_far.impressions, rate,
               static_cast<double>(users_ - so_far.users) / rate);
    if (last) fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
  }

 private:
  uint64_t users_;
  bool shown_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

void PrintSummary(const SimulationReport& report) {
  fmt::print("{} items, {} simulated readers, {} impressions\n", report.items,
             report.users, report.impressions);
  const double clicks = static_cast<double>(report.clicks);
  fmt::print(
      "{} clicks ({:.1f}% of impressions, {:.1f} per reader), {} comments, "
      "{} shares, {} buys, {} returns\n",
      report.clicks,
      100 * clicks /
          static_cast<double>(report.impressions ? report.impressions : 1),
      clicks / static_cast<double>(report.users), report.comments,
      report.shares, report.buys, report.returns);
  for (const std::string& file : report.files) fmt::print("wrote {}\n", file);
}

}  // namespace

int RunSimulate(const SimulateOptions& options) {
  absl::StatusOr<Simulator> simulator = Simulator::Create(options);
  if (!simulator.ok()) return Fail(simulator.status());
  ProgressLine line(options.users);
  absl::StatusOr<SimulationReport> report =
      simulator->Run([&](const SimulationReport& so_far) {
        line.Update(so_far);
        return true;
      });
  if (!report.ok()) return Fail(report.status());
  PrintSummary(*report);
  return 0;
}

void RegisterSimulateCommand(CLI::App& app,
                             std::function<void(int)> set_exit_code) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* command = app.add_subcommand(
      "simulate",
      "Invent readers (and books) and write the logs of a simulated shop");
  command
      ->add_option("--out", options->out_dir,
                   "Folder for users.tsv, events.tsv (and items.jsonl)")
      ->required();
  command->add_option("--users", options->users, "Number of readers")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option(
      "--items", options->items,
      "Number of books to invent; with --catalogue: use its first so many");
  command->add_option("--catalogue", options->catalogue,
                      "Take the books from this file (JSON lines, plain or "
                      ".gz) instead of inventing them");
  command->add_option("--seed", options->seed, "Equal seeds give equal files")
      ->capture_default_str();
  command->add_option("--days", options->days, "Length of the simulated time")
      ->capture_default_str()
      ->check(CLI::Range(1, 36500));
  command->add_flag("--gz", options->gzip, "Compress the files");
  command->add_flag("--truth", options->truth,
                    "Also write truth.tsv: how an oracle that knows each "
                    "reader's mind ranked every click (slow; small shops)");
  command->callback([options, set_exit_code = std::move(set_exit_code)] {
    set_exit_code(RunSimulate(*options));
  });
}

}  // namespace attune
