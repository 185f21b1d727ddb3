#include <benchmark/benchmark.h>

#include "attention/backend.h"
#include "base/parallel.h"
#include "bench/attention/bench_inputs.h"
#include "bench/attention/check_answer.h"

namespace attune {
namespace {

enum class Sight { kAll, kCausal };
enum class Bias { kNone, kPositionAndTime };

// Arguments: sequences, queries and keys of each, heads, head width, precision.
struct Setup {
  Setup(const benchmark::State& state, Sight sight, Bias bias)
      : count(state.range(0)),
        queries(state.range(1)),
        keys(state.range(2)),
        heads(static_cast<int>(state.range(3))),
        head_width(static_cast<int>(state.range(4))),
        q(count * queries, heads * head_width, 1),
        k(count * keys, heads * head_width, 2),
        v(count * keys, heads * head_width, 3),
        position_bias(heads, 64, 4),
        time_bias(heads, 64, 5) {
    spec.heads = heads;
    spec.head_width = head_width;
    spec.precision = static_cast<Precision>(state.range(5));
    for (int64_t s = 0; s < count; ++s) {
      sequences.push_back({s * queries, queries, s * keys, keys});
      for (int64_t i = 0; i < queries; ++i) {
        if (sight == Sight::kCausal) {
          visible.push_back(static_cast<int32_t>(i + 1));
          pairs += i + 1;
        } else {
          pairs += keys;
        }
        if (bias == Bias::kPositionAndTime) {
          // Candidates share the request's time, events have their own.
          query_time.push_back(sight == Sight::kCausal ? i * 60000
                                                       : keys * 60000);
        }
      }
      for (int64_t j = 0; bias == Bias::kPositionAndTime && j < keys; ++j) {
        key_time.push_back(j * 60000);
      }
    }
    input.q = q.view();
    input.k = k.view();
    input.v = v.view();
    input.sequences = sequences;
    input.visible = visible;
    if (bias == Bias::kPositionAndTime) {
      spec.relative_positions = 64;
      spec.time_buckets = 64;
      input.position_bias = position_bias.view();
      input.time_bias = time_bias.view();
      input.query_time_ms = query_time;
      input.key_time_ms = key_time;
    }
  }

  // Multiplications and additions of the two products of a forward pass.
  double flop() const {
    return 4.0 * static_cast<double>(pairs) * heads * head_width;
  }

  int64_t count, queries, keys;
  int heads, head_width;
  BenchMatrix q, k, v, position_bias, time_bias;
  AttentionSpec spec;
  std::vector<AttentionSequence> sequences;
  std::vector<int32_t> visible;
  std::vector<int64_t> query_time, key_time;
  AttentionInput input;
  int64_t pairs = 0;
};

void BM_AttentionForward(benchmark::State& state, Sight sight, Bias bias) {
  const Setup setup(state, sight, bias);
  const int64_t rows = setup.input.q.rows();
  const int64_t width = setup.input.q.cols();
  BenchMatrix out(rows, width), expected(rows, width);
  ExecutionContext context;
  auto attention = MakeOneDnnBackend()->CreateAttention(setup.spec);
  auto truth = MakeReferenceBackend()->CreateAttention(setup.spec);
  if (!attention.ok() || !truth.ok()) return state.SkipWithError("not created");
  if (!(*truth)->Forward(context, setup.input, expected.view()).ok() ||
      !(*attention)->Forward(context, setup.input, out.view()).ok() ||
      !AnswersAgree(out.view(), expected.view(), 1e-5)) {
    return state.SkipWithError("wrong answer");
  }
  RunSerial([&] {
    for (auto _ : state) {
      (*attention)->Forward(context, setup.input, out.view()).IgnoreError();
      benchmark::ClobberMemory();
    }
  });
  state.counters["flop/s"] = benchmark::Counter(
      setup.flop(), benchmark::Counter::kIsIterationInvariantRate);
}

void BM_AttentionBackward(benchmark::State& state, Sight sight, Bias bias) {
  const Setup setup(state, sight, bias);
  const int64_t rows = setup.input.q.rows();
  const int64_t width = setup.input.q.cols();
  const BenchMatrix dout(rows, width, 9);
  BenchMatrix out(rows, width), lse(rows, setup.heads), dq(rows, width),
      dk(setup.input.k.rows(), width), dv(setup.input.k.rows(), width),
      dposition(setup.heads, 64), dtime(setup.heads, 64);
  AttentionGradients gradients{dq.view(), dk.view(), dv.view(), {}, {}};
  if (bias == Bias::kPositionAndTime) {
    gradients.dposition_bias = dposition.view();
    gradients.dtime_bias = dtime.view();
  }
  ExecutionContext context;
  auto attention = MakeOneDnnBackend()->CreateAttention(setup.spec);
  if (!attention.ok() ||
      !(*attention)
           ->Forward(context, setup.input, out.view(), lse.view())
           .ok()) {
    return state.SkipWithError("forward failed");
  }
  RunSerial([&] {
    for (auto _ : state) {
      (*attention)
          ->Backward(context, setup.input, out.view(), lse.view(), dout.view(),
                     gradients)
          .IgnoreError();
      benchmark::ClobberMemory();
    }
  });
  // Five products: scores again, dP, dV, dQ, dK.
  state.counters["flop/s"] = benchmark::Counter(
      2.5 * setup.flop(), benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK_CAPTURE(BM_AttentionForward, cross, Sight::kAll, Bias::kNone)
    ->Args({1, 500, 200, 4, 16, 0})
    ->Args({1, 500, 200, 4, 16, 1})
    ->Args({1, 100, 50, 4, 16, 0})
    ->Args({1, 1, 200, 4, 16, 0})
    ->Args({1, 1000, 1000, 4, 32, 0})
    ->Args({1, 1000, 1000, 4, 32, 1})
    ->Args({1, 500, 5000, 4, 64, 0});
BENCHMARK_CAPTURE(BM_AttentionForward, cross_biased, Sight::kAll,
                  Bias::kPositionAndTime)
    ->Args({1, 500, 200, 4, 16, 0});
BENCHMARK_CAPTURE(BM_AttentionForward, causal, Sight::kCausal, Bias::kNone)
    ->Args({1, 200, 200, 4, 16, 0})
    ->Args({64, 50, 50, 4, 16, 0});
BENCHMARK_CAPTURE(BM_AttentionForward, causal_biased, Sight::kCausal,
                  Bias::kPositionAndTime)
    ->Args({1, 200, 200, 4, 16, 0})
    ->Args({64, 50, 50, 4, 16, 0});
BENCHMARK_CAPTURE(BM_AttentionBackward, causal, Sight::kCausal, Bias::kNone)
    ->Args({64, 50, 50, 4, 16, 0})
    ->Args({16, 200, 200, 4, 16, 0});
BENCHMARK_CAPTURE(BM_AttentionBackward, causal_biased, Sight::kCausal,
                  Bias::kPositionAndTime)
    ->Args({64, 50, 50, 4, 16, 0});

}  // namespace
}  // namespace attune
