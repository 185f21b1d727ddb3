// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_ATTENTION_TILE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_ATTENTION_TILE_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_ATTENTION_TILE_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_ATTENTION_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "attention/onednn/attention_kernel.h"
#include "attention/onednn/transpose-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

// What the forward and the backward pass of attention share. A tile is up to
// kTileVectors vectors of queries; every matrix of a tile is stored with the
// queries along the fast axis: [something][kTile].
namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
using IntTag = hn::RebindToSigned<FloatTag>;

constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
constexpr int kTileVectors = 2;
constexpr int64_t kTile = kTileVectors * kLanes;
// Keys per block of the online softmax: scores of 256 x 32 floats are 32 KB and
// stay in L1 between the two products.
constexpr int64_t kKeyBlock = 256;
// Rows of a register block: 8 x 2 sums hide the latency of two FMA units on
// AVX-512 (32 registers); 16 registers hold 4 x 2.
constexpr int kBlockRows = HWY_TARGET == HWY_AVX3 ? 8 : 4;

// What the scores of a block start from.
enum class Start {
  kZero,
  kScores,  // what lies there: a bias for every key and query
  kPerKey,  // one number per key, the same for all queries
};

// to[r][lanes] = start + sum_d rows[r * stride + d] * columns[d][lanes], r <
// kRows: the scores of kRows keys (rows = keys, columns = queries).
template <int kRows, int kVectors, Start kStart>
HWY_INLINE void DotRows(const float* HWY_RESTRICT rows, int64_t stride,
                        const float* HWY_RESTRICT columns, int64_t depth,
                        float* HWY_RESTRICT to,
                        const float* HWY_RESTRICT per_key) {
  const FloatTag d;
  FloatVec sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      if constexpr (kStart == Start::kZero) {
        sum[r][v] = hn::Zero(d);
      } else if constexpr (kStart == Start::kPerKey) {
        sum[r][v] = hn::Set(d, per_key[r]);
      } else {
        sum[r][v] = hn::Load(d, to + r * kTile + v * kLanes);
      }
    }
  }
  for (int64_t i = 0; i < depth; ++i) {
    FloatVec column[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      column[v] = hn::Load(d, columns + i * kTile + v * kLanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const FloatVec value = hn::Set(d, rows[r * stride + i]);
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(value, column[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(sum[r][v], d, to + r * kTile + v * kLanes);
    }
  }
}

// to[d][lanes] += sum_j weights[j][lanes] * rows[j * stride + d], d < kRows:
// kRows columns of the values.
template <int kRows, int kVectors>
HWY_INLINE void SumRows(const float* HWY_RESTRICT rows, int64_t stride,
                        const float* HWY_RESTRICT weights, int64_t count,
                        float* HWY_RESTRICT to) {
  const FloatTag d;
  FloatVec sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = hn::Load(d, to + r * kTile + v * kLanes);
    }
  }
  for (int64_t j = 0; j < count; ++j) {
    FloatVec weight[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      weight[v] = hn::Load(d, weights + j * kTile + v * kLanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const FloatVec value = hn::Set(d, rows[j * stride + r]);
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(value, weight[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(sum[r][v], d, to + r * kTile + v * kLanes);
    }
  }
}

// DotRows for any number of rows.
template <int kVectors, Start kStart>
HWY_NOINLINE void AllDotRows(const float* rows, int64_t stride, int64_t count,
                             const float* columns, int64_t depth, float* to,
                             const float* per_key = nullptr) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= count; r += kRows) {
      DotRows<kRows, kVectors, kStart>(
          rows + r * stride, stride, columns, depth, to + r * kTile,
          kStart == Start::kPerKey ? per_key + r : nullptr);
    }
  };
  run.template operator()<kBlockRows>();
  if constexpr (kBlockRows > 4) run.template operator()<4>();
  run.template operator()<2>();
  run.template operator()<1>();
}

// SumRows for any depth.
template <int kVectors>
HWY_NOINLINE void AllSumRows(const float* rows, int64_t stride,
                             const float* weights, int64_t count, int64_t depth,
                             float* to) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= depth; r += kRows) {
      SumRows<kRows, kVectors>(rows + r, stride, weights, count,
                               to + r * kTile);
    }
  };
  run.template operator()<kBlockRows>();
  if constexpr (kBlockRows > 4) run.template operator()<4>();
  run.template operator()<2>();
  run.template operator()<1>();
}

// The queries of one tile and which keys they see.
struct Tile {
  const AttentionTask* task;
  int64_t begin;  // first query
  int64_t count;  // queries, at most kTile
  // Keys that all see, and that at least one sees.
  int64_t seen_by_all;
  int64_t seen;
  // How visible[] runs over the tile: it decides how biases are read.
  bool same_visible;
  bool stepped_visible;  // visible[i + 1] = visible[i] + 1: causal
  bool same_time;
  HWY_ALIGN int32_t visible[kTile];  // lanes beyond count repeat the last

  // visible[] is written whole below.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  Tile(const AttentionTask& t, int64_t first)
      : task(&t),
        begin(first),
        count(std::min<int64_t>(kTile, t.q.rows() - first)) {
    seen_by_all = t.keys;
    seen = 0;
    same_visible = stepped_visible = same_time = true;
    for (int64_t i = 0; i < kTile; ++i) {
      const int64_t query = begin + std::min(i, count - 1);
      visible[i] = t.visible == nullptr ? static_cast<int32_t>(t.keys)
                                        : t.visible[query];
      if (i >= count) continue;
      seen_by_all = std::min<int64_t>(seen_by_all, visible[i]);
      seen = std::max<int64_t>(seen, visible[i]);
      same_visible &= visible[i] == visible[0];
      stepped_visible &= visible[i] == visible[0] + i;
      if (!t.time_bias.empty()) {
        same_time &= t.query_time_ms[query] == t.query_time_ms[begin];
      }
    }
  }

  // Vectors that hold queries.
  int vectors() const { return count > kLanes ? 2 : 1; }
};

// columns[D][kTile] = rows [count, D] transposed, times factor; unused lanes 0.
HWY_INLINE void LoadTile(ConstMatrixView rows, float factor, float* columns) {
  const FloatTag d;
  const int64_t size = rows.cols() * kTile;
  if (rows.rows() < kTile) std::fill_n(columns, size, 0.0f);
  Transpose(rows.data(), rows.stride(0), rows.rows(), rows.cols(), columns,
            kTile);
  if (factor == 1.0f) return;
  for (int64_t i = 0; i < size; i += kLanes) {
    hn::Store(hn::Mul(hn::Load(d, columns + i), hn::Set(d, factor)), d,
              columns + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
