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
#include "attention/onednn/attention_softmax-inl.h"
#include "attention/onednn/attention_tile-inl.h"
#include "attention/onednn/exp2-inl.h"
#include "attention/onednn/head_tag-inl.h"
#include "hwy/highway.h"

#ifndef ATTUNE_ATTENTION_ONEDNN_FORWARD_SCRATCH_
#define ATTUNE_ATTENTION_ONEDNN_FORWARD_SCRATCH_
namespace attune {
// Sized for the widest tile, 32 queries.
struct ForwardScratch {
  float* queries;        // [D][tile]
  float* sums;           // [D][tile]: weighted values so far
  float* maximum;        // [heads][tile]
  float* total;          // [heads][tile]: sum of the exponentials
  float* scores;         // [key block][tile]
  float* positions;      // extended position biases
  int32_t* buckets;      // [key block][tile], with a time bias
  float* key_biases;     // [heads][keys], with a bias
  int32_t* key_buckets;  // [keys], with a time bias
};
}  // namespace attune
#endif

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

float Log2Scale(const AttentionTask& task) {
  return 1.4426950408889634f / std::sqrt(static_cast<float>(task.head_width));
}

// Exponentials where their scores were.
struct StoreInPlace {
  float* scores;
  HWY_INLINE void operator()(int64_t j, int v, FloatVec e0, FloatVec e1) const {
    const FloatTag d;
    float* to = scores + j * kTile + v * kLanes;
    hn::Store(e0, d, to);
    hn::Store(e1, d, to + kTile);
  }
};

template <int kVectors>
void ForwardTile(const Tile& tile, Biases& biases, bool per_key,
                 const ForwardScratch& s, const MatrixView& out,
                 const MatrixView& log_sum_exp) {
  const AttentionTask& task = *tile.task;
  const int64_t width = task.head_width;
  LoadTile(task.q.rows_slice(tile.begin, tile.count), Log2Scale(task),
           s.queries);
  std::fill_n(s.sums, task.heads * width * kTile, 0.0f);
  std::fill_n(s.total, task.heads * kTile, 0.0f);
  // Finite, so that a query without keys gives 0 - 0 and no NaN.
  std::fill_n(s.maximum, task.heads * kTile, -1e30f);
  const auto state = [&](int64_t h) HWY_ATTR {
    return SoftmaxState{s.maximum + h * kTile, s.total + h * kTile,
                        s.sums + h * width * kTile, width};
  };

  const bool biased = biases.any();
  const bool filled = biased && !per_key;
  for (int64_t first = 0; first < tile.seen; first += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, tile.seen - first);
    if (filled) biases.PrepareBlock(tile, first, keys);
    for (int64_t h = 0; h < task.heads; ++h) {
      const float* k = task.k.row(first) + h * width;
      const float* v = task.v.row(first) + h * width;
      const float* queries = s.queries + h * width * kTile;
      if (filled) {
        biases.Fill(tile, h, first, keys, s.scores);
        AllDotRows<kVectors, Start::kScores>(k, task.k.stride(0), keys, queries,
                                             width, s.scores);
      } else if (biased) {
        AllDotRows<kVectors, Start::kPerKey>(
            k, task.k.stride(0), keys, queries, width, s.scores,
            s.key_biases + h * task.keys + first);
      } else {
        AllDotRows<kVectors, Start::kZero>(k, task.k.stride(0), keys, queries,
                                           width, s.scores);
      }
      // The scale is in the queries.
      Softmax<kVectors, /*kCoarse=*/false>(tile, first, keys, s.scores, 1.0f,
                                           state(h), StoreInPlace{s.scores});
      AllSumRows<kVectors>(v, task.v.stride(0), s.scores, keys, width,
                           state(h).sums);
    }
  }

  for (int64_t h = 0; h < task.heads; ++h) {
    Normalize<kVectors>(state(h));
    if (!log_sum_exp.empty()) LogSumExp<kVectors>(state(h));
  }
  Transpose(s.sums, kTile, task.heads * width, tile.count, out.row(tile.begin),
            out.stride(0));
  if (log_sum_exp.empty()) return;
  Transpose(s.maximum, kTile, task.heads, tile.count,
            log_sum_exp.row(tile.begin), log_sum_exp.stride(0));
}

// One query alone: keys in the lanes for the scores, the values' columns in the
// lanes for the sums. The bits are those of a lane of ForwardTile, for a small
// part of its time.
void ForwardQuery(const Tile& tile, const ForwardScratch& s, bool biased,
                  const MatrixView& out) {
  const FloatTag d;
  const AttentionTask& task = *tile.task;
  const int64_t width = task.head_width;
  const float* q = task.q.row(tile.begin);
  const float scale = Log2Scale(task);
  for (int64_t i = 0; i < task.heads * width; ++i) s.queries[i] = q[i] * scale;
  std::fill_n(s.sums, task.heads * width, 0.0f);
  std::fill_n(s.total, task.heads, 0.0f);
  std::fill_n(s.maximum, task.heads, -1e30f);
  // [head width][lanes], aligned, behind the query.
  float* columns =
      s.queries + (task.heads * width + kLanes - 1) / kLanes * kLanes;

  for (int64_t first = 0; first < tile.seen; first += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, tile.seen - first);
    for (int64_t h = 0; h < task.heads; ++h) {
      const float* query = s.queries + h * width;
      for (int64_t j = 0; j < keys; j += kLanes) {
        const int64_t count = std::min<int64_t>(kLanes, keys - j);
        Transpose(task.k.row(first + j) + h * width, task.k.stride(0), count,
                  width, columns, kLanes);
        FloatVec sum = hn::Zero(d);
        if (biased) {
          // Reads beyond the keys, within the scratch memory.
          sum = hn::LoadU(d, s.key_biases + h * task.keys + first + j);
        }
        for (int64_t i = 0; i < width; ++i) {
          sum = hn::MulAdd(hn::Set(d, query[i]),
                           hn::Load(d, columns + i * kLanes), sum);
        }
        hn::Store(sum, d, s.scores + j);
      }
      const float factor = QuerySoftmax</*kCoarse=*/false>(
          s.scores, keys, 1.0f, first == 0, s.maximum[h], s.total[h]);
      WithHeadTag(width, [&](auto tag) HWY_ATTR {
        const int64_t lanes = hn::Lanes(tag);
        for (int64_t i = 0; i < width; i += lanes) {
          float* to = s.sums + h * width + i;
          const float* v = task.v.row(first) + h * width + i;
          auto sum = hn::LoadU(tag, to);
          if (first > 0) sum = hn::Mul(sum, hn::Set(tag, factor));
          for (int64_t j = 0; j < keys; ++j, v += task.v.stride(0)) {
            sum = hn::MulAdd(hn::LoadU(tag, v), hn::Set(tag, s.scores[j]), sum);
          }
          hn::StoreU(sum, tag, to);
        }
      });
    }
  }

  float* to = out.row(tile.begin);
  for (int64_t h = 0; h < task.heads; ++h) {
    const float inverse = hn::GetLane(Inverse(hn::Set(d, s.total[h])));
    for (int64_t i = h * width; i < (h + 1) * width; ++i) {
      to[i] = s.sums[i] * inverse;
    }
  }
}

void Forward(const AttentionTask& task, const ForwardScratch& scratch,
             const MatrixView& out, const MatrixView& log_sum_exp) {
  Biases biases(task, scratch.positions, scratch.buckets);
  const auto fill_key_biases = [&](const Tile& tile) HWY_ATTR {
    if (!biases.any()) return;
    biases.PrepareKeys(
        task.time_bias.empty() ? 0 : task.query_time_ms[tile.begin],
        scratch.key_buckets);
    for (int64_t h = 0; h < task.heads; ++h) {
      biases.KeyBiases(h, tile.seen, scratch.key_buckets,
                       scratch.key_biases + h * task.keys);
    }
  };
  // Candidates all ask at the same time: one row of biases for all tiles.
  const bool per_key = biases.any() && task.queries_are_alike();
  if (per_key) fill_key_biases(Tile(task, 0));
  for (int64_t begin = 0; begin < task.q.rows(); begin += kTile) {
    const Tile tile(task, begin);
    if (tile.count == 1 && log_sum_exp.empty()) {
      if (!per_key) fill_key_biases(tile);
      ForwardQuery(tile, scratch, biases.any(), out);
    } else if (tile.vectors() == 2) {
      ForwardTile<2>(tile, biases, per_key, scratch, out, log_sum_exp);
    } else {
      ForwardTile<1>(tile, biases, per_key, scratch, out, log_sum_exp);
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
constexpr int64_t kWidestVector = 16;
constexpr int64_t kKeyBlock = 256;
}  // namespace

void AttentionForward(Workspace& workspace, const AttentionTask& task,
                      MatrixView out, MatrixView log_sum_exp) {
  Workspace::Scope scope(workspace);
  const auto floats = [&](int64_t count) {
    return workspace.Allocate<float>(count).data();
  };
  const int64_t width = task.heads * task.head_width;
  ForwardScratch scratch = {};
  scratch.queries = floats(width * kWidestTile);
  scratch.sums = floats(width * kWidestTile);
  scratch.maximum = floats(task.heads * kWidestTile);
  scratch.total = floats(task.heads * kWidestTile);
  // One more row, for the partner of a last odd key.
  scratch.scores = floats((kKeyBlock + 1) * kWidestTile);
  scratch.positions = floats(HWY_DYNAMIC_DISPATCH(PositionScratch)(task));
  if (!task.time_bias.empty()) {
    scratch.buckets =
        workspace.Allocate<int32_t>(kKeyBlock * kWidestTile).data();
    scratch.key_buckets = workspace.Allocate<int32_t>(task.keys).data();
  }
  if (!task.time_bias.empty() || !task.position_bias.empty()) {
    scratch.key_biases = floats(task.heads * task.keys + kWidestVector);
  }
  HWY_DYNAMIC_DISPATCH(Forward)(task, scratch, out, log_sum_exp);
}

}  // namespace attune
#endif  // HWY_ONCE
