#include <algorithm>
#include <cmath>
#include <cstdint>

#include "attention/onednn/attention_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/attention_forward.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/attention_biases-inl.h"
#include "attention/onednn/attention_tile-inl.h"
#include "attention/onednn/exp2-inl.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

#ifndef ATTUNE_ATTENTION_ONEDNN_FORWARD_SCRATCH_
#define ATTUNE_ATTENTION_ONEDNN_FORWARD_SCRATCH_
namespace attune {
// Sized for the widest tile, 32 queries.
struct ForwardScratch {
  float* queries;    // [D][tile]
  float* sums;       // [D][tile]: weighted values so far
  float* maximum;    // [heads][tile]
  float* total;      // [heads][tile]: sum of the exponentials
  float* scores;     // [key block][tile]
  float* positions;  // extended position biases
  int32_t* buckets;  // [key block][tile], with a time bias
};
}  // namespace attune
#endif

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

// The largest score of each lane and `largest`, over the keys it sees.
template <int kVectors>
HWY_INLINE void LargestScores(const Tile& tile, int64_t first, int64_t keys,
                              int64_t open, const float* scores,
                              FloatVec largest[kVectors]) {
  const FloatTag d;
  const IntTag di;
  int64_t j = 0;
  for (; j + 2 <= open; j += 2) {
    for (int v = 0; v < kVectors; ++v) {
      const float* from = scores + j * kTile + v * kLanes;
      largest[v] = hn::Max(
          largest[v], hn::Max(hn::Load(d, from), hn::Load(d, from + kTile)));
    }
  }
  for (; j < keys; ++j) {
    const auto key = hn::Set(di, static_cast<int32_t>(first + j));
    for (int v = 0; v < kVectors; ++v) {
      const auto sees = hn::RebindMask(
          d, hn::Gt(hn::Load(di, tile.visible + v * kLanes), key));
      const FloatVec score = hn::Load(d, scores + j * kTile + v * kLanes);
      largest[v] = hn::IfThenElse(sees, hn::Max(largest[v], score), largest[v]);
    }
  }
}

// scores -> exponentials relative to the running maximum, in place. Lanes that
// do not see a key get exactly 0, so that it does not matter whether a sequence
// goes on behind what a query sees. Returns through maximum and total; rescales
// the sums of earlier blocks.
template <int kVectors>
void Softmax(const Tile& tile, int64_t first, int64_t keys, float* scores,
             float* maximum, float* total, float* sums, int64_t head_width) {
  const FloatTag d;
  const IntTag di;
  const int64_t open = std::clamp<int64_t>(tile.seen_by_all - first, 0, keys);
  FloatVec largest[kVectors];
  // Keys of even and odd index are summed apart, to wait less for sums.
  FloatVec sum[2][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    largest[v] = hn::Load(d, maximum + v * kLanes);
    sum[0][v] = sum[1][v] = hn::Zero(d);
  }
  LargestScores<kVectors>(tile, first, keys, open, scores, largest);
  for (int v = 0; first > 0 && v < kVectors; ++v) {
    // Exactly 1 where the maximum stays.
    const FloatVec factor =
        FastExp2(d, hn::Sub(hn::Load(d, maximum + v * kLanes), largest[v]));
    sum[0][v] = hn::Mul(hn::Load(d, total + v * kLanes), factor);
    for (int64_t i = 0; i < head_width; ++i) {
      float* to = sums + i * kTile + v * kLanes;
      hn::Store(hn::Mul(hn::Load(d, to), factor), d, to);
    }
  }
  int64_t j = 0;
  for (; j + 2 <= open; j += 2) {
    for (int odd = 0; odd < 2; ++odd) {
      for (int v = 0; v < kVectors; ++v) {
        float* score = scores + (j + odd) * kTile + v * kLanes;
        const FloatVec e = FastExp2(d, hn::Sub(hn::Load(d, score), largest[v]));
        hn::Store(e, d, score);
        sum[odd][v] = hn::Add(sum[odd][v], e);
      }
    }
  }
  for (; j < keys; ++j) {
    const auto key = hn::Set(di, static_cast<int32_t>(first + j));
    for (int v = 0; v < kVectors; ++v) {
      float* score = scores + j * kTile + v * kLanes;
      const auto sees = hn::RebindMask(
          d, hn::Gt(hn::Load(di, tile.visible + v * kLanes), key));
      const FloatVec e = hn::IfThenElseZero(
          sees, FastExp2(d, hn::Sub(hn::Load(d, score), largest[v])));
      hn::Store(e, d, score);
      FloatVec& to = j % 2 == 0 ? sum[0][v] : sum[1][v];
      to = hn::Add(to, e);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    hn::Store(largest[v], d, maximum + v * kLanes);
    hn::Store(hn::Add(sum[0][v], sum[1][v]), d, total + v * kLanes);
  }
}

template <int kVectors>
void ForwardTile(const Tile& tile, Biases& biases, const ForwardScratch& s,
                 const MatrixView& out, const MatrixView& log_sum_exp) {
  const FloatTag d;
  const AttentionTask& task = *tile.task;
  const int64_t width = task.head_width;
  const float log2_scale =
      1.4426950408889634f / std::sqrt(static_cast<float>(width));
  LoadTile(task.q.rows_slice(tile.begin, tile.count), log2_scale, s.queries);
  std::fill_n(s.sums, task.heads * width * kTile, 0.0f);
  std::fill_n(s.total, task.heads * kTile, 0.0f);
  // Finite, so that a query without keys gives 0 - 0 and no NaN.
  std::fill_n(s.maximum, task.heads * kTile, -1e30f);

  for (int64_t first = 0; first < tile.seen; first += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, tile.seen - first);
    biases.PrepareBlock(tile, first, keys);
    for (int64_t h = 0; h < task.heads; ++h) {
      const float* k = task.k.row(first) + h * width;
      const float* v = task.v.row(first) + h * width;
      float* sums = s.sums + h * width * kTile;
      if (biases.any()) biases.Fill(tile, h, first, keys, s.scores);
      AllDotRows<kVectors>(k, task.k.stride(0), keys,
                           s.queries + h * width * kTile, width, s.scores,
                           biases.any());
      Softmax<kVectors>(tile, first, keys, s.scores, s.maximum + h * kTile,
                        s.total + h * kTile, sums, width);
      AllSumRows<kVectors>(v, task.v.stride(0), s.scores, keys, width, sums);
    }
  }

  for (int64_t h = 0; h < task.heads; ++h) {
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec total = hn::Load(d, s.total + h * kTile + v * kLanes);
      const FloatVec inverse = hn::IfThenElseZero(
          hn::Gt(total, hn::Zero(d)), hn::Div(hn::Set(d, 1.0f), total));
      for (int64_t i = h * width; i < (h + 1) * width; ++i) {
        float* to = s.sums + i * kTile + v * kLanes;
        hn::Store(hn::Mul(hn::Load(d, to), inverse), d, to);
      }
      if (log_sum_exp.empty()) continue;
      float* maximum = s.maximum + h * kTile + v * kLanes;
      const FloatVec lse =
          hn::MulAdd(hn::Load(d, maximum), hn::Set(d, 0.6931471805599453f),
                     hn::Log(d, total));
      hn::Store(hn::IfThenElse(hn::Gt(total, hn::Zero(d)), lse,
                               hn::Set(d, -HUGE_VALF)),
                d, maximum);
    }
  }
  Transpose(s.sums, kTile, task.heads * width, tile.count, out.row(tile.begin),
            out.stride(0));
  if (log_sum_exp.empty()) return;
  Transpose(s.maximum, kTile, task.heads, tile.count,
            log_sum_exp.row(tile.begin), log_sum_exp.stride(0));
}

void Forward(const AttentionTask& task, const ForwardScratch& scratch,
             const MatrixView& out, const MatrixView& log_sum_exp) {
  Biases biases(task, scratch.positions, scratch.buckets);
  for (int64_t begin = 0; begin < task.q.rows(); begin += kTile) {
    const Tile tile(task, begin);
    if (tile.vectors() == 2) {
      ForwardTile<2>(tile, biases, scratch, out, log_sum_exp);
    } else {
      ForwardTile<1>(tile, biases, scratch, out, log_sum_exp);
    }
  }
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
HWY_EXPORT(Forward);
HWY_EXPORT(PositionScratch);

constexpr int64_t kWidestTile = 32;
constexpr int64_t kKeyBlock = 256;
}  // namespace

void AttentionForward(Workspace& workspace, const AttentionTask& task,
                      MatrixView out, MatrixView log_sum_exp) {
  Workspace::Scope scope(workspace);
  const auto floats = [&](int64_t count) {
    return workspace.Allocate<float>(count).data();
  };
  const int64_t width = task.heads * task.head_width;
  ForwardScratch scratch;
  scratch.queries = floats(width * kWidestTile);
  scratch.sums = floats(width * kWidestTile);
  scratch.maximum = floats(task.heads * kWidestTile);
  scratch.total = floats(task.heads * kWidestTile);
  scratch.scores = floats(kKeyBlock * kWidestTile);
  scratch.positions = floats(HWY_DYNAMIC_DISPATCH(PositionScratch)(task));
  scratch.buckets =
      task.time_bias.empty()
          ? nullptr
          : workspace.Allocate<int32_t>(kKeyBlock * kWidestTile).data();
  HWY_DYNAMIC_DISPATCH(Forward)(task, scratch, out, log_sum_exp);
}

}  // namespace attune
#endif  // HWY_ONCE
