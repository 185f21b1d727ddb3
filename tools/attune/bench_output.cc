#include "tools/attune/bench_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>
#include <vector>

namespace attune {
namespace {

double Ms(double ns) { return 1e-6 * ns; }

struct StageShares {
  int64_t requests = 0;
  std::array<double, kRequestStages> total_ns = {};
  double whole_ns = 0;

  double Share(size_t stage) const {
    return whole_ns > 0 ? total_ns[stage] / whole_ns : 0;
  }
};

StageShares SharesOf(const BenchSamples& samples) {
  StageShares shares;
  shares.requests = samples.service.count();
  for (size_t s = 0; s < kRequestStages; ++s) {
    shares.total_ns[s] = static_cast<double>(samples.stage_ns[s].load());
  }
  shares.whole_ns =
      std::accumulate(shares.total_ns.begin(), shares.total_ns.end(), 0.0);
  return shares;
}

/// `length` blocks behind `begin` blanks.
std::string Bar(int begin, int length) {
  std::string bar(static_cast<size_t>(begin), ' ');
  for (int i = 0; i < length; ++i) bar += "█";
  return bar;
}

}  // namespace

void AddStages(const BenchSamples& samples, nlohmann::ordered_json* json) {
  const StageShares shares = SharesOf(samples);
  const double requests =
      static_cast<double>(std::max<int64_t>(shares.requests, 1));
  (*json)["warm_share"] = WarmShare(samples);
  for (size_t s = 0; s < kRequestStages; ++s) {
    (*json)["stages"][std::string(StageName(static_cast<Stage>(s)))] = {
        {"total_ms", Ms(shares.total_ns[s])},
        {"share", shares.Share(s)},
        {"mean_ms", Ms(shares.total_ns[s] / requests)}};
  }
}

TextTable LatencyTable(std::string_view title) {
  std::vector<TextTable::Column> columns = {{std::string(title)}};
  for (const char* name : {"p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms",
                           "mean ms", "requests/s"}) {
    columns.push_back({name, TextTable::kRight});
  }
  columns.push_back({"warm", TextTable::kRight});
  return TextTable(std::move(columns));
}

void AddLatencyRow(std::string_view name, const LatencyHistogram& histogram,
                   double per_second, double warm_share, TextTable* table) {
  const LatencyHistogram::Summary summary = histogram.Summarise();
  std::vector<std::string> cells = {std::string(name)};
  for (const int64_t ns : {summary.p50_ns, summary.p95_ns, summary.p99_ns,
                           summary.p999_ns, summary.max_ns}) {
    cells.push_back(fmt::format("{:.3f}", Ms(static_cast<double>(ns))));
  }
  cells.push_back(fmt::format("{:.3f}", Ms(summary.mean_ns)));
  cells.push_back(per_second > 0 ? fmt::format("{:.0f}", per_second) : "");
  cells.push_back(warm_share >= 0 ? fmt::format("{:.1f}%", 100 * warm_share)
                                  : "");
  table->AddRow(std::move(cells));
}

double WarmShare(const BenchSamples& samples) {
  return static_cast<double>(samples.warm.load()) /
         static_cast<double>(std::max<int64_t>(samples.service.count(), 1));
}

std::string StageTable(std::string_view title, const BenchSamples& samples) {
  const StageShares shares = SharesOf(samples);
  if (shares.requests == 0 || shares.whole_ns <= 0) return "";
  constexpr int kWidth = 48;
  TextTable table({{std::string(title)},
                   {"total ms", TextTable::kRight},
                   {"share", TextTable::kRight},
                   {"µs/request", TextTable::kRight},
                   {""}});
  double before = 0;
  for (size_t s = 0; s < kRequestStages; ++s) {
    const double share = shares.Share(s);
    const int begin = static_cast<int>(std::lround(kWidth * before));
    before += share;
    const int end = static_cast<int>(std::lround(kWidth * before));
    const double mean_us =
        1e-3 * shares.total_ns[s] / static_cast<double>(shares.requests);
    table.AddRow({std::string(StageName(static_cast<Stage>(s))),
                  fmt::format("{:.1f}", Ms(shares.total_ns[s])),
                  fmt::format("{:.1f}%", 100 * share),
                  fmt::format("{:.1f}", mean_us), Bar(begin, end - begin)});
  }
  return table.ToString();
}

}  // namespace attune
