#include <benchmark/benchmark.h>

#include "attention/backend.h"
#include "bench/attention/bench_inputs.h"

namespace attune {
namespace {

void CountElements(benchmark::State& state, int64_t elements) {
  state.counters["elements/s"] =
      benchmark::Counter(static_cast<double>(elements),
                         benchmark::Counter::kIsIterationInvariantRate);
}

// Arguments: rows, width.
void BM_LayerNormForward(benchmark::State& state) {
  const BenchMatrix x(state.range(0), state.range(1));
  BenchMatrix y(state.range(0), state.range(1));
  const std::vector<float> gamma(state.range(1), 1.0f);
  ExecutionContext context;
  auto norm = *MakeOneDnnBackend()->CreateLayerNorm(state.range(1));
  for (auto _ : state) {
    norm->Forward(context, x.view(), gamma, gamma, y.view());
    benchmark::ClobberMemory();
  }
  CountElements(state, state.range(0) * state.range(1));
}
BENCHMARK(BM_LayerNormForward)->Args({500, 64})->Args({1000, 256});

void BM_LayerNormBackward(benchmark::State& state) {
  const BenchMatrix x(state.range(0), state.range(1)),
      dy(state.range(0), state.range(1));
  BenchMatrix dx(state.range(0), state.range(1));
  const std::vector<float> gamma(state.range(1), 1.0f);
  std::vector<float> dgamma(state.range(1)), dbeta(state.range(1));
  ExecutionContext context;
  auto norm = *MakeOneDnnBackend()->CreateLayerNorm(state.range(1));
  for (auto _ : state) {
    norm->Backward(context, x.view(), gamma, dy.view(), dx.view(), dgamma,
                   dbeta);
    benchmark::ClobberMemory();
  }
  CountElements(state, state.range(0) * state.range(1));
}
BENCHMARK(BM_LayerNormBackward)->Args({2000, 64});

void BM_GeluForward(benchmark::State& state) {
  const BenchMatrix x(1, state.range(0));
  BenchMatrix y(1, state.range(0));
  ExecutionContext context;
  auto gelu = *MakeOneDnnBackend()->CreateActivation(ActivationKind::kGeluTanh);
  for (auto _ : state) {
    gelu->Forward(context, x.view().row_span(0), y.view().row_span(0));
    benchmark::ClobberMemory();
  }
  CountElements(state, state.range(0));
}
BENCHMARK(BM_GeluForward)->Arg(65536);

void BM_GeluBackward(benchmark::State& state) {
  const BenchMatrix x(1, state.range(0)), dy(1, state.range(0));
  BenchMatrix dx(1, state.range(0));
  ExecutionContext context;
  auto gelu = *MakeOneDnnBackend()->CreateActivation(ActivationKind::kGeluTanh);
  for (auto _ : state) {
    gelu->Backward(context, x.view().row_span(0), dy.view().row_span(0),
                   dx.view().row_span(0));
    benchmark::ClobberMemory();
  }
  CountElements(state, state.range(0));
}
BENCHMARK(BM_GeluBackward)->Arg(65536);

// Arguments: segments, entries of each, width, heads.
void BM_PoolingForward(benchmark::State& state) {
  const int64_t segments = state.range(0);
  const int64_t entries = state.range(1);
  const BenchMatrix values(10000, state.range(2)),
      scores(10000, state.range(3));
  BenchMatrix out(segments, state.range(2));
  Rng rng(1);
  std::vector<int32_t> rows(segments * entries);
  for (int32_t& row : rows) row = static_cast<int32_t>(rng.Below(10000));
  std::vector<int64_t> offsets;
  for (int64_t s = 0; s <= segments; ++s) offsets.push_back(s * entries);
  ExecutionContext context;
  auto pooling = *MakeOneDnnBackend()->CreateAttentionPooling(
      state.range(2), static_cast<int>(state.range(3)));
  for (auto _ : state) {
    pooling
        ->Forward(context, values.view(), scores.view(), rows, offsets,
                  out.view())
        .IgnoreError();
    benchmark::ClobberMemory();
  }
  CountElements(state, segments * entries * state.range(2));
}
BENCHMARK(BM_PoolingForward)->Args({1000, 20, 64, 4});

}  // namespace
}  // namespace attune
