#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "attention/ops/attention.h"
#include "base/rng.h"
#include "tests/attention/test_matrix.h"

namespace attune {

/// How visible[] runs over the queries of a sequence.
enum class Sight { kAll, kCausal, kSame, kRandom };

struct AttentionCase {
  int heads, head_width;
  std::vector<std::pair<int64_t, int64_t>> sequences;  // queries, keys
  Sight sight = Sight::kAll;
  int positions = 0;
  int time_buckets = 0;
  bool one_query_time = false;
  int64_t padding = 0;
  double scale = 1.0;  // of q and k
};

/// The inputs of one call, owned. Packed sequences with rows of nobody between
/// them.
struct AttentionData {
  AttentionData(const AttentionCase& c, Precision precision, uint64_t seed) {
    Rng rng(seed);
    spec = {c.heads, c.head_width, c.positions, c.time_buckets, precision};
    const int64_t width = int64_t{c.heads} * c.head_width;
    int64_t queries = 0, keys = 0;
    for (auto [query_count, key_count] : c.sequences) {
      sequences.push_back({queries, query_count, keys, key_count});
      queries += query_count + 1;
      keys += key_count + 2;
    }
    q = TestMatrix::Random(rng, queries, width, c.padding, c.scale);
    k = TestMatrix::Random(rng, keys, width, c.padding, c.scale);
    v = TestMatrix::Random(rng, keys, width, c.padding);
    position_bias =
        TestMatrix::Random(rng, c.positions ? c.heads : 0, c.positions);
    time_bias =
        TestMatrix::Random(rng, c.time_buckets ? c.heads : 0, c.time_buckets);
    if (c.sight != Sight::kAll) visible.resize(queries);
    if (c.time_buckets > 0) {
      query_time_ms.resize(queries);
      key_time_ms.resize(keys);
      for (int64_t& t : key_time_ms) t = RandomTime(rng);
    }
    const int64_t now = RandomTime(rng);
    for (const AttentionSequence& s : sequences) {
      for (int64_t i = 0; i < s.query_count; ++i) {
        const int64_t row = s.query_begin + i;
        if (c.time_buckets > 0) {
          query_time_ms[row] = c.one_query_time ? now : RandomTime(rng);
        }
        switch (c.sight) {
          case Sight::kAll:
            break;
          case Sight::kCausal:
            visible[row] = static_cast<int32_t>(std::min(i + 1, s.key_count));
            break;
          case Sight::kSame:
            visible[row] = static_cast<int32_t>(s.key_count * 2 / 3);
            break;
          case Sight::kRandom:
            visible[row] = static_cast<int32_t>(rng.Below(s.key_count + 1));
            break;
        }
      }
    }
  }

  AttentionInput input() const {
    AttentionInput in;
    in.q = q.view();
    in.k = k.view();
    in.v = v.view();
    in.sequences = sequences;
    in.visible = visible;
    in.position_bias = position_bias.view();
    in.time_bias = time_bias.view();
    in.query_time_ms = query_time_ms;
    in.key_time_ms = key_time_ms;
    return in;
  }

  // Differences from less than nothing to years.
  static int64_t RandomTime(Rng& rng) {
    return static_cast<int64_t>(std::exp(rng.Uniform() * 26.0));
  }

  AttentionSpec spec;
  std::vector<AttentionSequence> sequences;
  TestMatrix q{0, 0}, k{0, 0}, v{0, 0}, position_bias{0, 0}, time_bias{0, 0};
  std::vector<int32_t> visible;
  std::vector<int64_t> query_time_ms, key_time_ms;
};

/// What Backward adds to, filled with something that must stay below it.
struct AttentionGradientData {
  explicit AttentionGradientData(const AttentionData& data)
      : dq(Filled(data.q)),
        dk(Filled(data.k)),
        dv(Filled(data.v)),
        dposition_bias(Filled(data.position_bias)),
        dtime_bias(Filled(data.time_bias)) {}

  AttentionGradients views() {
    return {dq.view(), dk.view(), dv.view(), dposition_bias.view(),
            dtime_bias.view()};
  }

  TestMatrix dq, dk, dv, dposition_bias, dtime_bias;

 private:
  static TestMatrix Filled(const TestMatrix& like) {
    return TestMatrix::Filled(like.view().rows(), like.view().cols(), 0.25f);
  }
};

}  // namespace attune
