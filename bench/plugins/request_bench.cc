// Whole requests through the C interface: C candidates for a user with T
// events, warm (the user's state is kept) and cold (history read and encoded).
// Every answer is checked before it is timed.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/plugins/bench_shop.h"

namespace attune {
namespace {

constexpr int kIterations = 300;  // enough for a 99th percentile
constexpr int kLists = 16;
constexpr int kCheckedUsers = 8;
constexpr double kTolerance = 1e-5;

/// Distinct items, drawn at random, as the C interface takes them.
struct CandidateList {
  CandidateList(int count, uint64_t seed) {
    std::vector<size_t> numbers(BenchShop::kItems);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
    Rng rng(seed);
    for (int i = 0; i < count; ++i) {
      std::swap(numbers[i], numbers[i + rng.Below(numbers.size() - i)]);
      ids.push_back(BenchShop::ItemId(numbers[i]));
    }
    for (const std::string& id : ids) {
      pointers.push_back(id.data());
      lengths.push_back(id.size());
    }
  }
  std::vector<std::string> ids;
  std::vector<const char*> pointers;
  std::vector<size_t> lengths;
};

/// Hands out the shop of one T at a time; a new one replaces the old.
class ShopOwner {
 public:
  absl::StatusOr<BenchShop*> Get(int events) {
    if (shop_ == nullptr || shop_->events() != events) {
      shop_ = nullptr;
      ATTUNE_ASSIGN_OR_RETURN(shop_, BenchShop::Create(events));
    }
    return shop_.get();
  }

 private:
  std::unique_ptr<BenchShop> shop_;
};

int64_t ThreadCpuNs() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

/// `sorted` ascending and not empty; the nearest rank.
double Percentile(const std::vector<double>& sorted, double share) {
  const size_t rank = static_cast<size_t>(
      std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

/// Makes every user warm; compares warm with cold answers.
absl::Status CheckAnswers(BenchShop& shop, const CandidateList& list) {
  const size_t count = list.ids.size();
  std::vector<float> warm(count), cold(count);
  for (int u = 0; u < BenchShop::kUsers; ++u) {
    const std::string user = BenchShop::UserId(u);
    ATTUNE_RETURN_IF_ERROR(shop.CheckHistory(user));
    if (u >= kCheckedUsers) continue;
    ATTUNE_RETURN_IF_ERROR(
        shop.RankIds(user, list.pointers, list.lengths, false, warm));
    ATTUNE_RETURN_IF_ERROR(
        shop.RankIds(user, list.pointers, list.lengths, true, cold));
    for (size_t i = 0; i < count; ++i) {
      const double error = std::abs(double{warm[i]} - double{cold[i]});
      // Written so that NaN fails, too.
      if (!(error <= kTolerance) || !std::isfinite(warm[i])) {
        return absl::InternalError(StrCat(user, ", ", list.ids[i], ": warm ",
                                          warm[i], ", cold ", cold[i]));
      }
    }
    const auto [low, high] = std::minmax_element(warm.begin(), warm.end());
    if (*low == *high) {
      return absl::InternalError(StrCat(user, ": all scores are ", *low));
    }
  }
  return absl::OkStatus();
}

absl::Status TimeRequests(benchmark::State& state, ShopOwner& owner,
                          int candidates, int events, bool cold) {
  ATTUNE_ASSIGN_OR_RETURN(BenchShop * shop, owner.Get(events));
  std::vector<CandidateList> lists;
  for (uint64_t i = 0; i < kLists; ++i) lists.emplace_back(candidates, i + 1);
  std::vector<std::string> users;
  for (int u = 0; u < BenchShop::kUsers; ++u) {
    users.push_back(BenchShop::UserId(u));
  }
  ATTUNE_RETURN_IF_ERROR(CheckAnswers(*shop, lists[0]));

  std::vector<float> scores(candidates);
  std::vector<double> wall_ms, cpu_ms;
  // The items' rows are hot in a service that runs: read every list once.
  for (const CandidateList& list : lists) {
    ATTUNE_RETURN_IF_ERROR(
        shop->RankIds(users[0], list.pointers, list.lengths, cold, scores));
  }
  size_t request = 0;
  for (auto _ : state) {
    const CandidateList& list = lists[request % lists.size()];
    const std::string& user = users[request % users.size()];
    ++request;
    const int64_t cpu_start = ThreadCpuNs();
    const int64_t start = MonotonicNs();
    ATTUNE_RETURN_IF_ERROR(
        shop->RankIds(user, list.pointers, list.lengths, cold, scores));
    const int64_t end = MonotonicNs();
    wall_ms.push_back(static_cast<double>(end - start) * 1e-6);
    cpu_ms.push_back(static_cast<double>(ThreadCpuNs() - cpu_start) * 1e-6);
    state.SetIterationTime(wall_ms.back() * 1e-3);
  }
  std::sort(wall_ms.begin(), wall_ms.end());
  std::sort(cpu_ms.begin(), cpu_ms.end());
  state.counters["p50_ms"] = Percentile(wall_ms, 0.5);
  state.counters["p95_ms"] = Percentile(wall_ms, 0.95);
  state.counters["p99_ms"] = Percentile(wall_ms, 0.99);
  // What the request costs where other processes do not take the core away.
  state.counters["cpu_p50_ms"] = Percentile(cpu_ms, 0.5);
  state.SetItemsProcessed(state.iterations() * candidates);
  return absl::OkStatus();
}

void Register(ShopOwner& owner) {
  for (const int events : {50, 200, 1000}) {
    for (const int candidates : {100, 500, 2000}) {
      for (const bool cold : {false, true}) {
        const std::string name = StrCat("Request/T:", events, "/C:", candidates,
                                        cold ? "/cold" : "/warm");
        benchmark::RegisterBenchmark(
            name.c_str(),
            [&owner, candidates, events, cold](benchmark::State& state) {
              const absl::Status status =
                  TimeRequests(state, owner, candidates, events, cold);
              if (!status.ok()) {
                state.SkipWithError(status.ToString().c_str());
              }
            })
            ->UseManualTime()
            ->Iterations(kIterations)
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  attune::ShopOwner owner;
  attune::Register(owner);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
