#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "attention/onednn/attention_kernel.h"
#include "attention/onednn/bfloat16_linear_kernel.h"

// AVX-512 alone, and the scalar code that Highway wants but nobody calls.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/bfloat16_attention_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/attention_biases-inl.h"
#include "attention/onednn/attention_softmax-inl.h"
#include "attention/onednn/attention_tile-inl.h"
#include "hwy/highway.h"

#ifndef ATTUNE_ATTENTION_ONEDNN_BFLOAT16_SCRATCH_
#define ATTUNE_ATTENTION_ONEDNN_BFLOAT16_SCRATCH_
namespace attune {
struct Bfloat16Scratch {
  uint16_t* query_rows;  // [tile][D], rounded
  uint32_t* queries;     // [D / 2][tile] pairs
  float* sums;           // [D][tile]
  float* maximum;        // [heads][tile]
  float* total;          // [heads][tile]
  float* scores;         // [key block][tile]
  uint32_t* weights;     // [key block / 2][tile] pairs of exponentials
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

#if HWY_TARGET == HWY_AVX3

// Two non-negative vectors, rounded to bfloat16, as pairs (e0 low, e1 high).
// Not by VCVTNE2PS2BF16, which puts one behind the other.
HWY_INLINE __m512i PackWeights(FloatVec e0, FloatVec e1) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i low = _mm512_add_epi32(_mm512_castps_si512(e0.raw), half);
  const __m512i high = _mm512_add_epi32(_mm512_castps_si512(e1.raw), half);
  return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(low, 16), high);
}

struct StoreWeights {
  uint32_t* weights;
  HWY_INLINE void operator()(int64_t j, int v, FloatVec e0, FloatVec e1) const {
    _mm512_store_si512(weights + j / 2 * kTile + v * kLanes,
                       PackWeights(e0, e1));
  }
};

// From here on with the bfloat16 instructions, for which Highway 1.0.3 has no
// target. One attribute names them all, since clang takes the first of several;
// lambdas have their own.
#undef HWY_ATTR
#define HWY_ATTR __attribute__((target(HWY_TARGET_STR ",avx512bf16")))
HWY_POP_ATTRIBUTES
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")

HWY_INLINE __m512bh Broadcast(const void* pair) {
  int32_t bits;
  std::memcpy(&bits, pair, sizeof(bits));
  return (__m512bh)_mm512_set1_epi32(bits);
}

HWY_INLINE __m512bh LoadPairs(const void* from) {
  return (__m512bh)_mm512_loadu_si512(from);
}

// DotRows of attention_tile-inl.h with pairs. Biases come in units of log2,
// scores are without the logits' scale: `unscale` is its inverse.
template <int kRows, int kVectors, Start kStart>
HWY_INLINE void DotPairs(const uint16_t* rows, int64_t stride,
                         const uint32_t* columns, int64_t pairs, float* to,
                         const float* per_key, float unscale) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      if constexpr (kStart == Start::kZero) {
        sum[r][v] = _mm512_setzero_ps();
      } else if constexpr (kStart == Start::kPerKey) {
        sum[r][v] = _mm512_set1_ps(per_key[r]);
      } else {
        sum[r][v] = _mm512_mul_ps(_mm512_load_ps(to + r * kTile + v * kLanes),
                                  _mm512_set1_ps(unscale));
      }
    }
  }
  for (int64_t i = 0; i < pairs; ++i) {
    __m512bh column[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      column[v] = LoadPairs(columns + i * kTile + v * kLanes);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const __m512bh value = Broadcast(rows + r * stride + 2 * i);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], value, column[v]);
      }
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      _mm512_store_ps(to + r * kTile + v * kLanes, sum[r][v]);
    }
  }
}

template <int kVectors, Start kStart>
HWY_NOINLINE void AllDotPairs(const uint16_t* rows, int64_t stride,
                              int64_t count, const uint32_t* columns,
                              int64_t pairs, float* to, const float* per_key,
                              float unscale) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= count; r += kRows) {
      DotPairs<kRows, kVectors, kStart>(
          rows + r * stride, stride, columns, pairs, to + r * kTile,
          kStart == Start::kPerKey ? per_key + r : nullptr, unscale);
    }
  };
  run.template operator()<8>();
  run.template operator()<4>();
  run.template operator()<2>();
  run.template operator()<1>();
}

// SumRows with pairs: to[d][lanes] += sum over pairs of keys.
template <int kRows, int kVectors>
HWY_INLINE void SumPairs(const uint16_t* values, int64_t stride,
                         const uint32_t* weights, int64_t pairs, float* to) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = _mm512_load_ps(to + r * kTile + v * kLanes);
    }
  }
  for (int64_t j = 0; j < pairs; ++j) {
    __m512bh weight[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      weight[v] = LoadPairs(weights + j * kTile + v * kLanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512bh value = Broadcast(values + j * stride + 2 * r);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], value, weight[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      _mm512_store_ps(to + r * kTile + v * kLanes, sum[r][v]);
    }
  }
}

template <int kVectors>
HWY_NOINLINE void AllSumPairs(const uint16_t* values, int64_t stride,
                              const uint32_t* weights, int64_t pairs,
                              int64_t depth, float* to) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= depth; r += kRows) {
      SumPairs<kRows, kVectors>(values + 2 * r, stride, weights, pairs,
                                to + r * kTile);
    }
  };
  run.template operator()<8>();
  run.template operator()<4>();
  run.template operator()<2>();
}

// What a whole call shares.
struct Call {
  const AttentionTask& task;
  const KeyValueView& kept;
  const Bfloat16Scratch& s;
  Biases& biases;
  int64_t width;     // D
  float log2_scale;  // of the logits, to units of log2
  float unscale;
};

void FillKeyBiases(const Call& call, const Tile& tile) {
  const AttentionTask& task = call.task;
  if (!call.biases.any()) return;
  call.biases.PrepareKeys(
      task.time_bias.empty() ? 0 : task.query_time_ms[tile.begin],
      call.s.key_buckets);
  for (int64_t h = 0; h < task.heads; ++h) {
    float* to = call.s.key_biases + h * task.keys;
    call.biases.KeyBiases(h, tile.seen, call.s.key_buckets, to);
    for (int64_t j = 0; j < tile.seen; ++j) to[j] *= call.unscale;
  }
}

// Heads [begin, end) of a tile.
struct HeadRange {
  int64_t begin, end;
};

template <int kVectors>
void ForwardTile(const Call& call, const Tile& tile, bool per_key,
                 HeadRange heads, const MatrixView& out) {
  const AttentionTask& task = call.task;
  const Bfloat16Scratch& s = call.s;
  const int64_t head = task.head_width;
  const int64_t count = heads.end - heads.begin;
  const int64_t column = heads.begin * head;
  const int64_t width = count * head;
  ConvertToBfloat16Rows(
      {task.q.row(tile.begin) + column, {tile.count, width}, task.q.strides()},
      s.query_rows);
  if (tile.count < kTile) {
    std::fill_n(s.queries, width / 2 * kTile, uint32_t{0});
  }
  // Moves bits only, so that they may as well be floats.
  Transpose(reinterpret_cast<const float*>(s.query_rows), width / 2, tile.count,
            width / 2, reinterpret_cast<float*>(s.queries), kTile);
  std::fill_n(s.sums, width * kTile, 0.0f);
  std::fill_n(s.total, count * kTile, 0.0f);
  // Finite, so that a query without keys gives 0 - 0 and no NaN.
  std::fill_n(s.maximum, count * kTile, -1e30f);
  const auto state = [&](int64_t i) HWY_ATTR {
    return SoftmaxState{s.maximum + i * kTile, s.total + i * kTile,
                        s.sums + i * head * kTile, head};
  };

  const bool biased = call.biases.any();
  const bool filled = biased && !per_key;
  for (int64_t first = 0; first < tile.seen; first += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, tile.seen - first);
    if (filled) call.biases.PrepareBlock(tile, first, keys);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t h = heads.begin + i;
      const uint16_t* k = call.kept.k_bits(h) + first * head;
      const uint32_t* queries = s.queries + i * head / 2 * kTile;
      if (filled) {
        call.biases.Fill(tile, h, first, keys, s.scores);
        AllDotPairs<kVectors, Start::kScores>(k, head, keys, queries, head / 2,
                                              s.scores, nullptr, call.unscale);
      } else if (biased) {
        const float* row = s.key_biases + h * task.keys + first;
        AllDotPairs<kVectors, Start::kPerKey>(k, head, keys, queries, head / 2,
                                              s.scores, row, 1.0f);
      } else {
        AllDotPairs<kVectors, Start::kZero>(k, head, keys, queries, head / 2,
                                            s.scores, nullptr, 1.0f);
      }
      Softmax<kVectors, /*kCoarse=*/true>(tile, first, keys, s.scores,
                                          call.log2_scale, state(i),
                                          StoreWeights{s.weights});
      AllSumPairs<kVectors>(call.kept.v_bits(h) + first * head, 2 * head,
                            s.weights, (keys + 1) / 2, head, state(i).sums);
    }
  }
  for (int64_t i = 0; i < count; ++i) Normalize<kVectors>(state(i));
  Transpose(s.sums, kTile, width, tile.count, out.row(tile.begin) + column,
            out.stride(0));
}

// One query alone, with the bits of a lane of ForwardTile: keys in the lanes
// for the scores, the values' columns in the lanes for the sums.
void ForwardQuery(const Call& call, const Tile& tile, const MatrixView& out) {
  const AttentionTask& task = call.task;
  const Bfloat16Scratch& s = call.s;
  const int64_t head = task.head_width;
  ConvertToBfloat16Rows(task.q.rows_slice(tile.begin, 1), s.query_rows);
  std::fill_n(s.sums, call.width, 0.0f);
  std::fill_n(s.total, task.heads, 0.0f);
  std::fill_n(s.maximum, task.heads, -1e30f);
  for (int64_t first = 0; first < tile.seen; first += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, tile.seen - first);
    for (int64_t h = 0; h < task.heads; ++h) {
      const uint16_t* query = s.query_rows + h * head;
      for (int64_t j = 0; j < keys; j += kLanes) {
        const int64_t count = std::min<int64_t>(kLanes, keys - j);
        const uint16_t* k = call.kept.k_bits(h) + (first + j) * head;
        Transpose(reinterpret_cast<const float*>(k), head / 2, count, head / 2,
                  reinterpret_cast<float*>(s.queries), kLanes);
        __m512 sum = _mm512_setzero_ps();
        if (call.biases.any()) {
          // Reads beyond the keys, within the scratch memory.
          sum = _mm512_loadu_ps(s.key_biases + h * task.keys + first + j);
        }
        for (int64_t i = 0; i < head / 2; ++i) {
          sum = _mm512_dpbf16_ps(sum, Broadcast(query + 2 * i),
                                 LoadPairs(s.queries + i * kLanes));
        }
        _mm512_store_ps(s.scores + j, sum);
      }
      const float factor =
          QuerySoftmax</*kCoarse=*/true>(s.scores, keys, call.log2_scale,
                                         first == 0, s.maximum[h], s.total[h]);
      if (keys % 2 != 0) s.scores[keys] = 0.0f;
      const uint16_t* v = call.kept.v_bits(h) + first * head;
      for (int64_t i = 0; i < head; i += kLanes) {
        const __mmask16 mask = static_cast<__mmask16>(
            (1u << std::min<int64_t>(kLanes, head - i)) - 1);
        float* to = s.sums + h * head + i;
        __m512 sum = _mm512_maskz_loadu_ps(mask, to);
        if (first > 0) sum = _mm512_mul_ps(sum, _mm512_set1_ps(factor));
        for (int64_t j = 0; j < keys; j += 2) {
          const __m512i weight =
              PackWeights(FloatVec{_mm512_set1_ps(s.scores[j])},
                          FloatVec{_mm512_set1_ps(s.scores[j + 1])});
          const __m512i values =
              _mm512_maskz_loadu_epi32(mask, v + j * head + 2 * i);
          sum = _mm512_dpbf16_ps(sum, (__m512bh)values, (__m512bh)weight);
        }
        _mm512_mask_storeu_ps(to, mask, sum);
      }
    }
  }
  float* to = out.row(tile.begin);
  for (int64_t h = 0; h < task.heads; ++h) {
    const float inverse = hn::GetLane(Inverse(hn::Set(FloatTag(), s.total[h])));
    for (int64_t i = h * head; i < (h + 1) * head; ++i) {
      to[i] = s.sums[i] * inverse;
    }
  }
}

void Forward(const AttentionTask& task, const KeyValueView& kept,
             const Bfloat16Scratch& scratch, const MatrixView& out) {
  Biases biases(task, scratch.positions, scratch.buckets);
  const float root = std::sqrt(static_cast<float>(task.head_width));
  const Call call = {task,
                     kept,
                     scratch,
                     biases,
                     task.heads * task.head_width,
                     1.4426950408889634f / root,
                     root * 0.6931471805599453f};
  const bool per_key = biases.any() && task.queries_are_alike();
  if (per_key) FillKeyBiases(call, Tile(task, 0));
  const auto run = [&](int64_t begin, HeadRange heads) HWY_ATTR {
    const Tile tile(task, begin);
    if (tile.count == 1) {
      if (heads.begin > 0) return;  // all at once
      if (!per_key) FillKeyBiases(call, tile);
      ForwardQuery(call, tile, out);
    } else if (tile.vectors() == 2) {
      ForwardTile<2>(call, tile, per_key, heads, out);
    } else {
      ForwardTile<1>(call, tile, per_key, heads, out);
    }
  };
  // One head after the other, whose keys and values then stay in the cache
  // while all queries pass by; unless what a tile prepares is for all heads.
  // (Where heads lie side by side, in f32, this takes 5% longer: their slices
  // share a few sets of the cache.)
  const int64_t step = biases.any() && !per_key ? task.heads : 1;
  for (int64_t h = 0; h < task.heads; h += step) {
    for (int64_t begin = 0; begin < task.q.rows(); begin += kTile) {
      run(begin, {h, h + step});
    }
  }
}

int64_t PositionScratch(const AttentionTask& task) {
  return Biases::ExtendedSize(task);
}

#else

void Forward(const AttentionTask&, const KeyValueView&, const Bfloat16Scratch&,
             const MatrixView&) {}
int64_t PositionScratch(const AttentionTask&) { return 0; }

#endif

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(Forward);
HWY_EXPORT(PositionScratch);

constexpr int64_t kTileQueries = 32;
constexpr int64_t kVectorFloats = 16;
constexpr int64_t kBlockOfKeys = 256;
}  // namespace

bool HasBfloat16Attention(int64_t head_width) {
  return head_width % 2 == 0 && HasBfloat16Products();
}

void AttentionForwardBfloat16(Workspace& workspace, const AttentionTask& task,
                              const KeyValueView& kept, MatrixView out) {
  assert(HasBfloat16Attention(task.head_width));
  Workspace::Scope scope(workspace);
  const auto floats = [&](int64_t count) {
    return workspace.Allocate<float>(count).data();
  };
  const auto words = [&](int64_t count) {
    return workspace.Allocate<uint32_t>(count).data();
  };
  const int64_t width = task.heads * task.head_width;
  Bfloat16Scratch scratch = {};
  scratch.query_rows =
      workspace.Allocate<uint16_t>(width * kTileQueries).data();
  scratch.queries = words(width / 2 * kTileQueries);
  scratch.sums = floats(width * kTileQueries);
  scratch.maximum = floats(task.heads * kTileQueries);
  scratch.total = floats(task.heads * kTileQueries);
  scratch.scores = floats((kBlockOfKeys + 1) * kTileQueries);
  scratch.weights = words(kBlockOfKeys / 2 * kTileQueries);
  scratch.positions = floats(HWY_DYNAMIC_DISPATCH(PositionScratch)(task));
  if (!task.time_bias.empty()) {
    scratch.buckets =
        workspace.Allocate<int32_t>(kBlockOfKeys * kTileQueries).data();
    scratch.key_buckets = workspace.Allocate<int32_t>(task.keys).data();
  }
  if (!task.time_bias.empty() || !task.position_bias.empty()) {
    scratch.key_biases = floats(task.heads * task.keys + kVectorFloats);
  }
  HWY_DYNAMIC_DISPATCH(Forward)(task, kept, scratch, out);
}

}  // namespace attune
#endif  // HWY_ONCE
