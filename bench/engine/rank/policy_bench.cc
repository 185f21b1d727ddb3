// What happens to the scores behind the model: value formula, filters, top-k,
// diversity; and the bookkeeping around a request.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/workspace.h"
#include "engine/rank/diversity.h"
#include "engine/rank/filters.h"
#include "engine/rank/id_set.h"
#include "engine/rank/latency_histogram.h"
#include "engine/rank/state_cache.h"
#include "engine/rank/top_k.h"
#include "engine/rank/value_formula.h"

namespace attune {
namespace {

constexpr int64_t kWidth = 64;

std::vector<std::string> Names(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) {
    names.push_back("item-" + std::to_string(i * 7919 % 1000003));
  }
  return names;
}

std::vector<float> Normals(int64_t count, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.Normal());
  return values;
}

void BM_ValueFormula(benchmark::State& state) {
  const int64_t count = state.range(0);
  const std::vector<std::string> tasks = {"click", "buy"};
  const absl::StatusOr<ValueFormula> formula =
      ValueFormula::Compile("click * (1 + 4 * buy) ^ 0.5", tasks);
  const std::vector<float> logits = Normals(2 * count, 1);
  std::vector<double> values(count);
  if (!formula.ok()) return state.SkipWithError("the formula is refused");
  formula->Evaluate({logits.data(), {2, count}}, values);
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double expected = sigmoid(logits[count - 1]) *
                          std::sqrt(1 + 4 * sigmoid(logits[2 * count - 1]));
  if (std::abs(values[count - 1] - expected) > 1e-12) {
    return state.SkipWithError("wrong answer");
  }
  for (auto _ : state) {
    formula->Evaluate({logits.data(), {2, count}}, values);
    benchmark::DoNotOptimize(values.data());
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(BM_ValueFormula)->Arg(100)->Arg(500)->Arg(2000);

void BM_TopK(benchmark::State& state) {
  const int64_t count = state.range(0);
  const size_t k = static_cast<size_t>(state.range(1));
  const std::vector<std::string> names = Names(count);
  const std::vector<std::string_view> ids(names.begin(), names.end());
  const std::vector<float> floats = Normals(count, 2);
  const std::vector<double> scores(floats.begin(), floats.end());
  std::vector<int32_t> best(k);
  std::vector<double> sorted = scores;
  std::sort(sorted.rbegin(), sorted.rend());
  if (TopK(scores, ids, best) != static_cast<int64_t>(k) ||
      scores[best.back()] != sorted[k - 1]) {
    return state.SkipWithError("wrong answer");
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(TopK(scores, ids, best));
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(BM_TopK)->Args({500, 10})->Args({2000, 100})->Args({1000000, 1000});

void BM_Diversity(benchmark::State& state) {
  const int64_t k = state.range(0);
  const int64_t count = 2000;
  const std::vector<float> vectors = Normals(count * kWidth, 3);
  std::vector<double> scores(count);
  for (int64_t i = 0; i < count; ++i) {
    scores[i] = 1.0 / static_cast<double>(i + 1);
  }
  std::vector<int32_t> list(DiversityPool(k, count));
  Workspace workspace;
  for (auto _ : state) {
    for (size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int32_t>(i);
    DiversifyByMmr(0.3, k, scores, {vectors.data(), {count, kWidth}}, workspace,
                   list);
    benchmark::DoNotOptimize(list.data());
  }
  if (list[0] != 0 ||
      std::set<int32_t>(list.begin(), list.end()).size() != list.size()) {
    state.SkipWithError("wrong answer");
  }
}
BENCHMARK(BM_Diversity)->Arg(10)->Arg(50)->Arg(200);

void BM_SeenFilter(benchmark::State& state) {
  const int64_t count = 500;
  const std::vector<std::string> names = Names(count + state.range(0));
  const std::span<const std::string> seen(names.data() + count / 2,
                                          static_cast<size_t>(state.range(0)));
  std::vector<FilterCandidate> candidates;
  for (int64_t i = 0; i < count; ++i) candidates.push_back({names[i]});
  v1::Policy policy;
  policy.set_exclude_seen(true);
  std::vector<uint8_t> keep(count);
  Workspace workspace;
  for (auto _ : state) {
    Workspace::Scope scope(workspace);
    const IdSet set = IdSet::Of(seen, workspace);
    const FilterCounts counts =
        CandidateFilter(policy, set, workspace).Apply(candidates, keep);
    if (counts.seen != std::min(count / 2, state.range(0))) {
      return state.SkipWithError("wrong answer");
    }
  }
}
BENCHMARK(BM_SeenFilter)->Arg(200)->Arg(2000);

void BM_HistogramRecord(benchmark::State& state) {
  static LatencyHistogram* const histogram = new LatencyHistogram();
  int64_t value = 1;
  for (auto _ : state) {
    histogram->Record(value);
    value = value * 7 % 10000019;
  }
}
BENCHMARK(BM_HistogramRecord)->Threads(1)->Threads(2);

void BM_StateCacheGet(benchmark::State& state) {
  struct Bytes {
    size_t size;
  };
  static StateCache<Bytes>* const cache = [] {
    auto* const filled = new StateCache<Bytes>(
        size_t{1} << 30, [](const Bytes& b) { return b.size; });
    for (const std::string& name : Names(1000)) {
      filled->Put("model", name, std::make_shared<Bytes>(Bytes{154000}));
    }
    return filled;
  }();
  const std::vector<std::string> names = Names(1000);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache->Get("model", names[next]));
    next = (next + 17) % names.size();
  }
}
BENCHMARK(BM_StateCacheGet)->Threads(1)->Threads(2);

}  // namespace
}  // namespace attune
