#include <algorithm>
#include <cmath>
#include <cstdint>

#include "attention/onednn/attention_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/attention_backward.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/attention_biases-inl.h"
#include "attention/onednn/attention_tile-inl.h"
#include "attention/onednn/exp2-inl.h"
#include "attention/onednn/head_tag-inl.h"
#include "hwy/highway.h"

#ifndef ATTUNE_ATTENTION_ONEDNN_BACKWARD_SCRATCH_
#define ATTUNE_ATTENTION_ONEDNN_BACKWARD_SCRATCH_
namespace attune {
// Sized for the widest tile, 32 queries.
struct BackwardScratch {
  float* queries;     // [D][tile], in units of log2
  float* douts;       // [D][tile]
  float* dqueries;    // [D][tile]
  float* query_rows;  // [tile][D], times 1 / sqrt(head width)
  float* log_sums;    // [heads][tile], base 2
  float* deltas;      // [heads][tile]: sum_d dout out
  float* weights;     // [key block][tile]
  float* dlogits;     // [key block][tile]
  float* positions;   // extended position biases
  float* dpositions;  // and their gradients, or null
  float* dtimes;      // [heads][buckets][tile] or null
  int32_t* buckets;   // [key block][tile], with a time bias
};
}  // namespace attune
#endif

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

// to[j][d] += sum_i weights[j][lane i] * rows[i][d] for kRows keys j and one
// vector of columns d; i runs over the queries of the tile.
template <class D, int kRows>
HWY_INLINE void AddOuterRows(D d, const float* HWY_RESTRICT weights,
                             const float* HWY_RESTRICT rows, int64_t stride,
                             int64_t queries, float* HWY_RESTRICT to,
                             int64_t to_stride) {
  hn::Vec<D> sum[kRows];
  for (int r = 0; r < kRows; ++r) sum[r] = hn::LoadU(d, to + r * to_stride);
  for (int64_t i = 0; i < queries; ++i) {
    const auto row = hn::LoadU(d, rows + i * stride);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      sum[r] = hn::MulAdd(hn::Set(d, weights[r * kTile + i]), row, sum[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) hn::StoreU(sum[r], d, to + r * to_stride);
}

template <class D>
HWY_NOINLINE void AddOuter(D d, const float* weights, int64_t keys,
                           const float* rows, int64_t stride, int64_t queries,
                           int64_t head_width, float* to, int64_t to_stride) {
  constexpr int kRows = HWY_TARGET == HWY_AVX3 ? 12 : 8;
  for (int64_t c = 0; c < head_width; c += hn::Lanes(d)) {
    int64_t j = 0;
    const auto run = [&]<int kCount>() HWY_ATTR {
      for (; j + kCount <= keys; j += kCount) {
        AddOuterRows<D, kCount>(d, weights + j * kTile, rows + c, stride,
                                queries, to + j * to_stride + c, to_stride);
      }
    };
    run.template operator()<kRows>();
    run.template operator()<4>();
    run.template operator()<1>();
  }
}

// weights: logits -> probabilities; dlogits: dP -> P (dP - delta).
template <int kVectors>
void SoftmaxGradient(const Tile& tile, int64_t first, int64_t keys,
                     const float* log_sums, const float* deltas, float* weights,
                     float* dlogits) {
  const FloatTag d;
  const IntTag di;
  const int64_t open = std::clamp<int64_t>(tile.seen_by_all - first, 0, keys);
  for (int v = 0; v < kVectors; ++v) {
    const FloatVec log_sum = hn::Load(d, log_sums + v * kLanes);
    const FloatVec delta = hn::Load(d, deltas + v * kLanes);
    const auto visible = hn::Load(di, tile.visible + v * kLanes);
    for (int64_t j = 0; j < keys; ++j) {
      float* weight = weights + j * kTile + v * kLanes;
      float* dlogit = dlogits + j * kTile + v * kLanes;
      FloatVec p = FastExp2(d, hn::Sub(hn::Load(d, weight), log_sum));
      if (j >= open) {
        const auto sees = hn::RebindMask(
            d, hn::Gt(visible, hn::Set(di, static_cast<int32_t>(first + j))));
        p = hn::IfThenElseZero(sees, p);
      }
      hn::Store(p, d, weight);
      hn::Store(hn::Mul(p, hn::Sub(hn::Load(d, dlogit), delta)), d, dlogit);
    }
  }
}

// log_sums and deltas of the tile's queries; uses dqueries for scratch.
void PrepareTile(const Tile& tile, const AttentionTaskGradients& gradients,
                 const BackwardScratch& s) {
  const FloatTag d;
  const AttentionTask& task = *tile.task;
  const int64_t width = task.head_width;
  LoadTile(gradients.dout.rows_slice(tile.begin, tile.count), 1.0f, s.douts);
  LoadTile(gradients.out.rows_slice(tile.begin, tile.count), 1.0f, s.dqueries);
  LoadTile(gradients.log_sum_exp.rows_slice(tile.begin, tile.count),
           1.4426950408889634f, s.log_sums);
  for (int64_t h = 0; h < task.heads; ++h) {
    for (int64_t v = 0; v < kTile; v += kLanes) {
      FloatVec delta = hn::Zero(d);
      for (int64_t i = h * width; i < (h + 1) * width; ++i) {
        delta = hn::MulAdd(hn::Load(d, s.douts + i * kTile + v),
                           hn::Load(d, s.dqueries + i * kTile + v), delta);
      }
      hn::Store(delta, d, s.deltas + h * kTile + v);
    }
  }
}

template <int kVectors>
void BackwardTile(const Tile& tile, Biases& biases,
                  const AttentionTaskGradients& gradients,
                  const BackwardScratch& s) {
  const AttentionTask& task = *tile.task;
  const int64_t width = task.head_width;
  const int64_t all = task.heads * width;
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  const ConstMatrixView queries = task.q.rows_slice(tile.begin, tile.count);
  LoadTile(queries, 1.4426950408889634f * scale, s.queries);
  PrepareTile(tile, gradients, s);
  for (int64_t i = 0; i < tile.count; ++i) {
    const float* from = queries.row(i);
    float* to = s.query_rows + i * all;
    for (int64_t c = 0; c < all; ++c) to[c] = from[c] * scale;
  }
  std::fill_n(s.dqueries, all * kTile, 0.0f);

  for (int64_t first = 0; first < tile.seen; first += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, tile.seen - first);
    biases.PrepareBlock(tile, first, keys);
    for (int64_t h = 0; h < task.heads; ++h) {
      const int64_t column = h * width;
      const float* k = task.k.row(first) + column;
      const float* v = task.v.row(first) + column;
      const bool biased = biases.any();
      if (biased) biases.Fill(tile, h, first, keys, s.weights);
      const float* q = s.queries + column * kTile;
      if (biased) {
        AllDotRows<kVectors, Start::kScores>(k, task.k.stride(0), keys, q,
                                             width, s.weights);
      } else {
        AllDotRows<kVectors, Start::kZero>(k, task.k.stride(0), keys, q, width,
                                           s.weights);
      }
      AllDotRows<kVectors, Start::kZero>(v, task.v.stride(0), keys,
                                         s.douts + column * kTile, width,
                                         s.dlogits);
      SoftmaxGradient<kVectors>(tile, first, keys, s.log_sums + h * kTile,
                                s.deltas + h * kTile, s.weights, s.dlogits);
      AllSumRows<kVectors>(k, task.k.stride(0), s.dlogits, keys, width,
                           s.dqueries + column * kTile);
      WithHeadTag(width, [&](auto d) HWY_ATTR {
        AddOuter(d, s.weights, keys, gradients.dout.row(tile.begin) + column,
                 gradients.dout.stride(0), tile.count, width,
                 gradients.dv.row(first) + column, gradients.dv.stride(0));
        AddOuter(d, s.dlogits, keys, s.query_rows + column, all, tile.count,
                 width, gradients.dk.row(first) + column,
                 gradients.dk.stride(0));
      });
      if (biased) {
        biases.AddGradients(tile, h, first, keys, s.dlogits, s.dpositions,
                            s.dtimes);
      }
    }
  }

  // query_rows is free now: dq in rows.
  Transpose(s.dqueries, kTile, all, tile.count, s.query_rows, all);
  for (int64_t i = 0; i < tile.count; ++i) {
    const float* from = s.query_rows + i * all;
    float* to = gradients.dq.row(tile.begin + i);
    for (int64_t c = 0; c < all; ++c) to[c] += from[c] * scale;
  }
}

void Backward(const AttentionTask& task,
              const AttentionTaskGradients& gradients,
              const BackwardScratch& scratch) {
  Biases biases(task, scratch.positions, scratch.buckets);
  if (scratch.dpositions != nullptr) {
    std::fill_n(scratch.dpositions, Biases::ExtendedSize(task), 0.0f);
  }
  if (scratch.dtimes != nullptr) {
    std::fill_n(scratch.dtimes, biases.TimeGradientSize(), 0.0f);
  }
  for (int64_t begin = 0; begin < task.q.rows(); begin += kTile) {
    const Tile tile(task, begin);
    if (tile.vectors() == 2) {
      BackwardTile<2>(tile, biases, gradients, scratch);
    } else {
      BackwardTile<1>(tile, biases, gradients, scratch);
    }
  }
  biases.FoldGradients(scratch.dpositions, scratch.dtimes,
                       gradients.dposition_bias, gradients.dtime_bias);
}

int64_t PositionScratch(const AttentionTask& task) {
  return Biases::ExtendedSize(task);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(Backward);
HWY_EXPORT(PositionScratch);

constexpr int64_t kWidestTile = 32;
constexpr int64_t kKeyBlock = 256;
}  // namespace

void AttentionBackward(Workspace& workspace, const AttentionTask& task,
                       const AttentionTaskGradients& gradients) {
  Workspace::Scope scope(workspace);
  const auto floats = [&](int64_t count) {
    return workspace.Allocate<float>(count).data();
  };
  const int64_t width = task.heads * task.head_width;
  const int64_t positions = HWY_DYNAMIC_DISPATCH(PositionScratch)(task);
  BackwardScratch scratch = {};
  scratch.queries = floats(width * kWidestTile);
  scratch.douts = floats(width * kWidestTile);
  scratch.dqueries = floats(width * kWidestTile);
  scratch.query_rows = floats(width * kWidestTile);
  scratch.log_sums = floats(task.heads * kWidestTile);
  scratch.deltas = floats(task.heads * kWidestTile);
  scratch.weights = floats(kKeyBlock * kWidestTile);
  scratch.dlogits = floats(kKeyBlock * kWidestTile);
  scratch.positions = floats(positions);
  scratch.dpositions = positions == 0 || gradients.dposition_bias.empty()
                           ? nullptr
                           : floats(positions);
  scratch.dtimes =
      task.time_bias.empty() || gradients.dtime_bias.empty()
          ? nullptr
          : floats(task.heads * task.time_bias.cols() * kWidestTile);
  scratch.buckets =
      task.time_bias.empty()
          ? nullptr
          : workspace.Allocate<int32_t>(kKeyBlock * kWidestTile).data();
  HWY_DYNAMIC_DISPATCH(Backward)(task, gradients, scratch);
}

}  // namespace attune
#endif  // HWY_ONCE
