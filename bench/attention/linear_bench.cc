#include <benchmark/benchmark.h>

#include "attention/backend.h"
#include "base/parallel.h"
#include "bench/attention/bench_inputs.h"
#include "bench/attention/check_answer.h"

namespace attune {
namespace {

enum Mode { kForward, kBackward };

// Arguments: rows, in, out, activation, precision.
void BM_Linear(benchmark::State& state, Mode mode) {
  const int64_t rows = state.range(0);
  LinearSpec spec;
  spec.in = state.range(1);
  spec.out = state.range(2);
  spec.activation = static_cast<ActivationKind>(state.range(3));
  spec.precision = static_cast<Precision>(state.range(4));
  const BenchMatrix x(rows, spec.in, 1), weight(spec.in, spec.out, 2),
      dy(rows, spec.out, 3);
  const std::vector<float> bias(spec.out, 0.1f);
  BenchMatrix y(rows, spec.out), expected(rows, spec.out), dx(rows, spec.in),
      dweight(spec.in, spec.out);
  std::vector<float> dbias(spec.out);
  ExecutionContext context;
  auto linear = MakeOneDnnBackend()->CreateLinear(spec);
  auto truth = MakeReferenceBackend()->CreateLinear(spec);
  if (!linear.ok() || !truth.ok()) return state.SkipWithError("not created");
  RunSerial([&] {
    bool ok = (*linear)->SetWeights(weight.view(), bias).ok() &&
              (*truth)->SetWeights(weight.view(), bias).ok();
    if (mode == kForward) {
      ok = ok && (*truth)->Forward(context, x.view(), expected.view()).ok() &&
           (*linear)->Forward(context, x.view(), y.view()).ok() &&
           AnswersAgree(y.view(), expected.view(), 1e-5);
    } else {
      ok = ok && (*linear)
                     ->Backward(context, x.view(), dy.view(), dx.view(), {}, {})
                     .ok();
    }
    if (!ok) return state.SkipWithError("wrong answer");
    for (auto _ : state) {
      if (mode == kForward) {
        (*linear)->Forward(context, x.view(), y.view()).IgnoreError();
      } else {
        (*linear)
            ->Backward(context, x.view(), dy.view(), dx.view(), dweight.view(),
                       dbias)
            .IgnoreError();
      }
      benchmark::ClobberMemory();
    }
  });
  const double flop = (mode == kForward ? 2.0 : 4.0) *
                      static_cast<double>(rows * spec.in * spec.out);
  state.counters["flop/s"] =
      benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["rows/s"] = benchmark::Counter(
      static_cast<double>(rows), benchmark::Counter::kIsIterationInvariantRate);
}

constexpr int kGelu = static_cast<int>(ActivationKind::kGeluTanh);

BENCHMARK_CAPTURE(BM_Linear, forward, kForward)
    ->Args({1, 64, 64, 0, 0})
    ->Args({500, 64, 64, 0, 0})
    ->Args({500, 64, 256, 0, 0})
    ->Args({500, 64, 256, kGelu, 0})
    ->Args({500, 256, 64, 0, 0})
    ->Args({500, 64, 64, 0, 1})
    ->Args({500, 64, 256, kGelu, 1})
    ->Args({500, 256, 64, 0, 1})
    ->Args({1000, 256, 1024, kGelu, 0});
BENCHMARK_CAPTURE(BM_Linear, backward, kBackward)
    ->Args({200, 64, 64, 0, 0})
    ->Args({2000, 64, 256, 0, 0})
    ->Args({4000, 256, 64, 0, 0});

}  // namespace
}  // namespace attune
