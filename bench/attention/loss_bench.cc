#include <benchmark/benchmark.h>

#include "attention/backend.h"
#include "base/parallel.h"
#include "bench/attention/bench_inputs.h"

namespace attune {
namespace {

// Arguments: rows, classes, width.
void BM_CrossEntropy(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t classes = state.range(1);
  const int64_t width = state.range(2);
  const BenchMatrix x(rows, width, 1), table(classes, width, 2);
  BenchMatrix dx(rows, width), dtable(classes, width);
  Rng rng(3);
  std::vector<int32_t> targets(rows);
  for (int32_t& t : targets) t = static_cast<int32_t>(rng.Below(classes));
  const CrossEntropyInput input{x.view(), table.view(), {}, targets, {}, 0.1f};
  ExecutionContext context;
  auto loss = MakeOneDnnBackend()->CreateCrossEntropy(width);
  auto truth = MakeReferenceBackend()->CreateCrossEntropy(width);
  if (!loss.ok() || !truth.ok()) return state.SkipWithError("not created");
  auto expected = (*truth)->ForwardBackward(context, input, {}, {}, {});
  auto actual = (*loss)->ForwardBackward(context, input, {}, {}, {});
  if (!expected.ok() || !actual.ok() ||
      std::abs(*actual - *expected) > 1e-5 * *expected) {
    return state.SkipWithError("wrong answer");
  }
  RunSerial([&] {
    for (auto _ : state) {
      benchmark::DoNotOptimize((*loss)->ForwardBackward(
          context, input, dx.view(), dtable.view(), {}));
    }
  });
  state.counters["flop/s"] =
      benchmark::Counter(6.0 * static_cast<double>(rows * classes * width),
                         benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(BM_CrossEntropy)
    ->Args({2000, 1000, 64})
    ->Args({2000, 4000, 64})
    ->Args({2000, 4000, 128})
    ->Args({500, 20000, 64});

// One user's or a batch of users' scores of all items. Arguments: users, items,
// width.
void BM_MatmulTransposed(benchmark::State& state) {
  const int64_t users = state.range(0);
  const int64_t items = state.range(1);
  const int64_t width = state.range(2);
  const BenchMatrix a(users, width, 1), b(items, width, 2);
  BenchMatrix c(users, items);
  ExecutionContext context;
  auto matmul = MakeOneDnnBackend()->CreateMatmulTransposed(width);
  if (!matmul.ok()) return state.SkipWithError("not created");
  RunSerial([&] {
    for (auto _ : state) {
      (*matmul)->Forward(context, a.view(), b.view(), c.view()).IgnoreError();
      benchmark::ClobberMemory();
    }
  });
  state.counters["flop/s"] =
      benchmark::Counter(2.0 * static_cast<double>(users * items * width),
                         benchmark::Counter::kIsIterationInvariantRate);
  state.counters["B/s"] =
      benchmark::Counter(4.0 * static_cast<double>(items * width),
                         benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(BM_MatmulTransposed)
    ->Args({1, 10000, 64})
    ->Args({1, 1000000, 64})
    ->Args({32, 10000, 64})
    ->Args({500, 4000, 64});

}  // namespace
}  // namespace attune
