// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_ATTENTION_SOFTMAX_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_ATTENTION_SOFTMAX_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_ATTENTION_SOFTMAX_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_ATTENTION_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "attention/onednn/attention_tile-inl.h"
#include "attention/onednn/exp2-inl.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

// One head's running softmax of a tile.
struct SoftmaxState {
  float* maximum;  // [tile], of the scores so far
  float* total;    // [tile]: sum of the exponentials
  float* sums;     // [head_width][tile]: weighted values
  int64_t head_width;
};

// The largest score of each lane and `largest`, over the keys it sees.
template <int kVectors>
HWY_INLINE void LargestScores(const Tile& tile, int64_t first, int64_t keys,
                              int64_t open, const float* scores,
                              FloatVec (&largest)[kVectors]) {
  const FloatTag d;
  const IntTag di;
  // Two chains per vector, to wait less for each other.
  FloatVec even[kVectors], odd[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) even[v] = odd[v] = largest[v];
  int64_t j = 0;
  for (; j + 2 <= open; j += 2) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const float* from = scores + j * kTile + v * kLanes;
      even[v] = hn::Max(even[v], hn::Load(d, from));
      odd[v] = hn::Max(odd[v], hn::Load(d, from + kTile));
    }
  }
  for (; j < keys; ++j) {
    const auto key = hn::Set(di, static_cast<int32_t>(first + j));
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const auto sees = hn::RebindMask(
          d, hn::Gt(hn::Load(di, tile.visible + v * kLanes), key));
      const FloatVec score = hn::Load(d, scores + j * kTile + v * kLanes);
      even[v] = hn::IfThenElse(sees, hn::Max(even[v], score), even[v]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) largest[v] = hn::Max(even[v], odd[v]);
}

// 2^(score - reference); kCoarse: 2^(scale * score - reference), for weights in
// bfloat16 whose queries could not take the scale without a rounding. Vectors
// by value, here and below: what a lambda captures lives in memory.
template <bool kCoarse>
HWY_INLINE FloatVec Exponential(const float* score, FloatVec scale,
                                FloatVec reference) {
  const FloatTag d;
  const FloatVec x = hn::Load(d, score);
  if constexpr (kCoarse) return CoarseExp2(d, hn::MulSub(x, scale, reference));
  return FastExp2(d, hn::Sub(x, reference));
}

// As above, and 0 in lanes that do not see `key`.
template <bool kCoarse>
HWY_INLINE FloatVec VisibleExponential(const float* score, FloatVec scale,
                                       FloatVec reference,
                                       const int32_t* visible, int64_t key) {
  const FloatTag d;
  const IntTag di;
  const auto sees =
      hn::Gt(hn::Load(di, visible), hn::Set(di, static_cast<int32_t>(key)));
  return hn::IfThenElseZero(hn::RebindMask(d, sees),
                            Exponential<kCoarse>(score, scale, reference));
}

// scores -> exponentials relative to the running maximum (see Exponential).
// Lanes that do not see a key get exactly 0, so that it does not matter whether
// a sequence goes on behind what a query sees. Rescales what earlier blocks
// left in the state. The exponentials of keys j and j + 1 of vector v go to
// store(j, v, e0, e1), those of a last odd key with 0.
template <int kVectors, bool kCoarse, class Store>
HWY_INLINE void Softmax(const Tile& tile, int64_t first, int64_t keys,
                        const float* scores, float scale,
                        const SoftmaxState& state, Store store) {
  const FloatTag d;
  const int64_t open = std::clamp<int64_t>(tile.seen_by_all - first, 0, keys);
  const FloatVec factor = hn::Set(d, scale);
  FloatVec largest[kVectors];
  // Keys of even and odd index are summed apart, to wait less for sums.
  FloatVec even[kVectors], odd[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    largest[v] = hn::Load(d, state.maximum + v * kLanes);
    even[v] = odd[v] = hn::Zero(d);
  }
  LargestScores<kVectors>(tile, first, keys, open, scores, largest);
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    if (first == 0) break;
    // Exactly 1 where the maximum stays.
    const FloatVec before =
        hn::Sub(hn::Load(d, state.maximum + v * kLanes), largest[v]);
    const FloatVec rescale =
        FastExp2(d, kCoarse ? hn::Mul(before, factor) : before);
    even[v] = hn::Mul(hn::Load(d, state.total + v * kLanes), rescale);
    for (int64_t i = 0; i < state.head_width; ++i) {
      float* to = state.sums + i * kTile + v * kLanes;
      hn::Store(hn::Mul(hn::Load(d, to), rescale), d, to);
    }
  }
  FloatVec reference[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    reference[v] = kCoarse ? hn::Mul(largest[v], factor) : largest[v];
  }
  int64_t j = 0;
  for (; j + 2 <= open; j += 2) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const float* from = scores + j * kTile + v * kLanes;
      const FloatVec e0 = Exponential<kCoarse>(from, factor, reference[v]);
      const FloatVec e1 =
          Exponential<kCoarse>(from + kTile, factor, reference[v]);
      store(j, v, e0, e1);
      even[v] = hn::Add(even[v], e0);
      odd[v] = hn::Add(odd[v], e1);
    }
  }
  for (; j < keys; j += 2) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const float* from = scores + j * kTile + v * kLanes;
      const int32_t* visible = tile.visible + v * kLanes;
      const FloatVec e0 = VisibleExponential<kCoarse>(
          from, factor, reference[v], visible, first + j);
      FloatVec e1 = hn::Zero(d);
      if (j + 1 < keys) {
        e1 = VisibleExponential<kCoarse>(from + kTile, factor, reference[v],
                                         visible, first + j + 1);
      }
      store(j, v, e0, e1);
      even[v] = hn::Add(even[v], e0);
      odd[v] = hn::Add(odd[v], e1);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    hn::Store(largest[v], d, state.maximum + v * kLanes);
    hn::Store(hn::Add(even[v], odd[v]), d, state.total + v * kLanes);
  }
}

// The exponentials of one query's scores [keys], in place, as Softmax makes
// them in a lane: the same operations on the same numbers in the same order.
// Returns what earlier sums are to be multiplied by. Writes whole vectors.
template <bool kCoarse>
HWY_INLINE float QuerySoftmax(float* scores, int64_t keys, float scale,
                              bool fresh, float& maximum, float& total) {
  const FloatTag d;
  const FloatVec factor = hn::Set(d, scale);
  // Whole vectors; those behind the keys' end are made harmless first.
  std::fill(scores + keys, scores + (keys + kLanes - 1) / kLanes * kLanes,
            -1e30f);
  FloatVec most = hn::Set(d, maximum);
  for (int64_t j = 0; j < keys; j += kLanes) {
    most = hn::Max(most, hn::Load(d, scores + j));
  }
  const FloatVec largest = hn::MaxOfLanes(d, most);
  const FloatVec reference = kCoarse ? hn::Mul(largest, factor) : largest;
  float rescale = 1.0f;
  float sum[2] = {0.0f, 0.0f};
  if (!fresh) {
    const FloatVec before = hn::Sub(hn::Set(d, maximum), largest);
    rescale =
        hn::GetLane(FastExp2(d, kCoarse ? hn::Mul(before, factor) : before));
    sum[0] = total * rescale;
  }
  for (int64_t j = 0; j < keys; j += kLanes) {
    hn::Store(Exponential<kCoarse>(scores + j, factor, reference), d,
              scores + j);
  }
  for (int64_t j = 0; j < keys; ++j) sum[j % 2] += scores[j];
  maximum = hn::GetLane(largest);
  total = sum[0] + sum[1];
  return rescale;
}

// 1 / total, or 0 for a query that saw no key.
HWY_INLINE FloatVec Inverse(FloatVec total) {
  const FloatTag d;
  return hn::IfThenElseZero(hn::Gt(total, hn::Zero(d)),
                            hn::Div(hn::Set(d, 1.0f), total));
}

// sums /= total.
template <int kVectors>
HWY_INLINE void Normalize(const SoftmaxState& state) {
  const FloatTag d;
  for (int v = 0; v < kVectors; ++v) {
    const FloatVec inverse = Inverse(hn::Load(d, state.total + v * kLanes));
    for (int64_t i = 0; i < state.head_width; ++i) {
      float* to = state.sums + i * kTile + v * kLanes;
      hn::Store(hn::Mul(hn::Load(d, to), inverse), d, to);
    }
  }
}

// maximum, in units of log2, becomes the logarithm of the sum of exponentials.
template <int kVectors>
HWY_INLINE void LogSumExp(const SoftmaxState& state) {
  const FloatTag d;
  for (int v = 0; v < kVectors; ++v) {
    const FloatVec total = hn::Load(d, state.total + v * kLanes);
    float* maximum = state.maximum + v * kLanes;
    const FloatVec lse =
        hn::MulAdd(hn::Load(d, maximum), hn::Set(d, 0.6931471805599453f),
                   hn::Log(d, total));
    hn::Store(
        hn::IfThenElse(hn::Gt(total, hn::Zero(d)), lse, hn::Set(d, -HUGE_VALF)),
        d, maximum);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
