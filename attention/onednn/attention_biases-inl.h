// Per-target code of Highway: included once per instruction set.
#if defined(ATTUNE_ATTENTION_ONEDNN_ATTENTION_BIASES_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef ATTUNE_ATTENTION_ONEDNN_ATTENTION_BIASES_INL_H_
#undef ATTUNE_ATTENTION_ONEDNN_ATTENTION_BIASES_INL_H_
#else
#define ATTUNE_ATTENTION_ONEDNN_ATTENTION_BIASES_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "attention/onednn/attention_kernel.h"
#include "attention/onednn/attention_tile-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {

// Looks lanes up in one head's time biases. A table of up to 64 floats stays in
// registers on AVX-512, where a gather costs some 30 cycles and this 4.
class TimeTable {
 public:
  explicit TimeTable(ConstMatrixView biases, int64_t head)
      : table_(biases.row(head)) {
#if HWY_TARGET == HWY_AVX3
    in_registers_ = biases.cols() <= AttentionTask::kTimeRow;
    if (!in_registers_) return;
    for (int i = 0; i < 4; ++i) {
      part_[i] = hn::LoadU(FloatTag(), table_ + i * kLanes);
    }
#endif
  }

  HWY_INLINE FloatVec Lookup(hn::Vec<IntTag> index) const {
    const FloatTag d;
#if HWY_TARGET == HWY_AVX3
    if (in_registers_) {
      const FloatVec low{
          _mm512_permutex2var_ps(part_[0].raw, index.raw, part_[1].raw)};
      const FloatVec high{
          _mm512_permutex2var_ps(part_[2].raw, index.raw, part_[3].raw)};
      const auto upper =
          hn::RebindMask(d, hn::TestBit(index, hn::Set(IntTag(), 32)));
      return hn::IfThenElse(upper, high, low);
    }
#endif
    return hn::GatherIndex(d, table_, index);
  }

 private:
  const float* table_;
#if HWY_TARGET == HWY_AVX3
  bool in_registers_;
  FloatVec part_[4];
#endif
};

// The logits' additive terms, in units of log2. Position entries are read
// through a row per head that continues beyond both ends: entry x of head h at
// extended[h * stride + kTile + x], x in [-kTile, keys + kTile).
class Biases {
 public:
  static int64_t ExtendedStride(const AttentionTask& task) {
    return task.keys + 2 * kTile;
  }
  static int64_t ExtendedSize(const AttentionTask& task) {
    return task.position_bias.empty() ? 0 : task.heads * ExtendedStride(task);
  }

  // `extended` has ExtendedSize() floats, `buckets` kKeyBlock * kTile (or is
  // null without a time bias).
  Biases(const AttentionTask& task, float* extended, int32_t* buckets)
      : task_(task),
        extended_(extended),
        stride_(ExtendedStride(task)),
        buckets_(buckets) {
    if (task.position_bias.empty()) return;
    const int64_t last = task.position_bias.cols() - 1;
    for (int64_t h = 0; h < task.heads; ++h) {
      for (int64_t x = 0; x < stride_; ++x) {
        extended_[h * stride_ + x] =
            task.position_bias(h, std::clamp<int64_t>(x - kTile, 0, last));
      }
    }
  }

  bool any() const {
    return !task_.position_bias.empty() || !task_.time_bias.empty();
  }

  // Time buckets of keys [first, first + keys), for all heads of the tile.
  void PrepareBlock(const Tile& tile, int64_t first, int64_t keys) {
    if (task_.time_bias.empty()) return;
    const int last = static_cast<int>(task_.time_bias.cols()) - 1;
    if (tile.same_time) {
      const int64_t now = task_.query_time_ms[tile.begin];
      for (int64_t j = 0; j < keys; ++j) {
        buckets_[j] = Bucket(now - task_.key_time_ms[first + j], last);
      }
      return;
    }
    HWY_ALIGN int64_t now[kTile];
    for (int64_t i = 0; i < kTile; ++i) {
      now[i] = task_.query_time_ms[tile.begin + std::min(i, tile.count - 1)];
    }
    for (int64_t j = 0; j < keys; ++j) {
      BucketRow(now, task_.key_time_ms[first + j], last, buckets_ + j * kTile);
    }
  }

  // Time buckets of all keys as of `now`, for KeyBiases.
  void PrepareKeys(int64_t now, int32_t* buckets) const {
    if (task_.time_bias.empty()) return;
    const int last = static_cast<int>(task_.time_bias.cols()) - 1;
    for (int64_t j = 0; j < task_.keys; ++j) {
      buckets[j] = Bucket(now - task_.key_time_ms[j], last);
    }
  }

  // to[j] = the bias of head `h` for key j < visible, where the queries see
  // `visible` keys and ask at one time: what Fill gives in every lane.
  void KeyBiases(int64_t h, int64_t visible, const int32_t* buckets,
                 float* HWY_RESTRICT to) const {
    if (task_.position_bias.empty()) {
      for (int64_t j = 0; j < visible; ++j) {
        to[j] = task_.time_bias(h, buckets[j]);
      }
      return;
    }
    const float* entry = extended_ + h * stride_ + kTile + visible - 1;
    if (task_.time_bias.empty()) {
      for (int64_t j = 0; j < visible; ++j) to[j] = entry[-j];
      return;
    }
    const float* times = task_.time_bias.row(h);
    for (int64_t j = 0; j < visible; ++j) {
      to[j] = entry[-j] + times[buckets[j]];
    }
  }

  // scores[j][lanes] = the biases of head `h` for keys first + j.
  void Fill(const Tile& tile, int64_t h, int64_t first, int64_t keys,
            float* scores) const {
    const FloatTag d;
    const int vectors = tile.vectors();
    if (!task_.position_bias.empty()) {
      FillPositions(tile, h, first, keys, scores);
    }
    if (task_.time_bias.empty()) return;
    const TimeTable table(task_.time_bias, h);
    const bool add = !task_.position_bias.empty();
    for (int64_t j = 0; j < keys; ++j) {
      for (int v = 0; v < vectors; ++v) {
        float* to = scores + j * kTile + v * kLanes;
        const FloatVec bias =
            tile.same_time ? hn::Set(d, task_.time_bias(h, buckets_[j]))
                           : table.Lookup(hn::Load(
                                 IntTag(), buckets_ + j * kTile + v * kLanes));
        hn::Store(add ? hn::Add(hn::Load(d, to), bias) : bias, d, to);
      }
    }
  }

  // Gradients are gathered in tables of their own: positions in one like
  // `extended`, times in [heads][buckets][kTile] with a column for each lane,
  // so that lanes of the same bucket do not wait for each other's sums.
  int64_t TimeGradientSize() const {
    return task_.heads * task_.time_bias.cols() * kTile;
  }

  // Adds dlogits[j][lanes] of the block. Lanes that see no key, or hold no
  // query, are zero. Either table may be null.
  void AddGradients(const Tile& tile, int64_t h, int64_t first, int64_t keys,
                    const float* dlogits, float* dpositions,
                    float* dtimes) const {
    if (dpositions != nullptr) {
      AddPositionGradients(tile, first, keys, dlogits,
                           dpositions + h * stride_ + kTile);
    }
    if (dtimes == nullptr) return;
    float* table = dtimes + h * task_.time_bias.cols() * kTile;
    const FloatTag d;
    for (int64_t j = 0; j < keys; ++j) {
      const float* from = dlogits + j * kTile;
      if (tile.same_time) {
        float* to = table + buckets_[j] * kTile;
        for (int64_t v = 0; v < tile.vectors() * kLanes; v += kLanes) {
          hn::Store(hn::Add(hn::Load(d, to + v), hn::Load(d, from + v)), d,
                    to + v);
        }
      } else {
        const int32_t* bucket = buckets_ + j * kTile;
        for (int64_t i = 0; i < tile.count; ++i) {
          table[bucket[i] * kTile + i] += from[i];
        }
      }
    }
  }

  // Adds the tables to the gradients [heads, R] and [heads, B].
  void FoldGradients(const float* dpositions, const float* dtimes,
                     MatrixView dposition_bias, MatrixView dtime_bias) const {
    const FloatTag d;
    for (int64_t h = 0; dpositions != nullptr && h < task_.heads; ++h) {
      const int64_t last = dposition_bias.cols() - 1;
      for (int64_t x = 0; x < task_.keys; ++x) {
        dposition_bias(h, std::min(x, last)) +=
            dpositions[h * stride_ + kTile + x];
      }
    }
    for (int64_t h = 0; dtimes != nullptr && h < task_.heads; ++h) {
      for (int64_t b = 0; b < dtime_bias.cols(); ++b, dtimes += kTile) {
        FloatVec sum = hn::Zero(d);
        for (int64_t v = 0; v < kTile; v += kLanes) {
          sum = hn::Add(sum, hn::Load(d, dtimes + v));
        }
        dtime_bias(h, b) += hn::GetLane(hn::SumOfLanes(d, sum));
      }
    }
  }

 private:
  // TimeBucket() of ops/attention.h, operation by operation.
  static int32_t Bucket(int64_t difference_ms, int last) {
    const double seconds = static_cast<double>(difference_ms) / 1000.0;
    if (!(seconds > 1.0)) return 0;
    const double square = seconds * seconds;
    int64_t bits;
    hwy::CopySameSize(&square, &bits);
    return std::min(static_cast<int>(bits >> 52) - 1023, last);
  }

  // Bucket() for all lanes.
  static HWY_INLINE void BucketRow(const int64_t* now, int64_t then, int last,
                                   int32_t* to) {
    const hn::ScalableTag<double> d;
    const hn::RebindToSigned<decltype(d)> d64;
    const hn::RebindToUnsigned<decltype(d)> du64;
    const hn::Rebind<int32_t, decltype(d)> d32;
    for (int64_t i = 0; i < kTile; i += hn::Lanes(d)) {
      const auto difference =
          hn::Sub(hn::Load(d64, now + i), hn::Set(d64, then));
      const auto seconds =
          hn::Div(hn::ConvertTo(d, difference), hn::Set(d, 1000.0));
      // A past that has not come yet is bucket 0, as 1 second is.
      const auto positive = hn::Max(seconds, hn::Set(d, 1.0));
      const auto exponent =
          hn::ShiftRight<52>(hn::BitCast(du64, hn::Mul(positive, positive)));
      // By way of double: hwy 1.0.3 does not narrow 64-bit integers.
      const auto bucket = hn::Sub(
          hn::DemoteTo(d32, hn::ConvertTo(d, hn::BitCast(d64, exponent))),
          hn::Set(d32, 1023));
      hn::Store(hn::Min(bucket, hn::Set(d32, last)), d32, to + i);
    }
  }

  void FillPositions(const Tile& tile, int64_t h, int64_t first, int64_t keys,
                     float* scores) const {
    const FloatTag d;
    const IntTag di;
    const int vectors = tile.vectors();
    const float* entry = extended_ + h * stride_ + kTile;
    for (int64_t j = 0; j < keys; ++j) {
      float* to = scores + j * kTile;
      const int64_t x = tile.visible[0] - 1 - (first + j);
      for (int v = 0; v < vectors; ++v) {
        FloatVec bias;
        if (tile.same_visible) {
          bias = hn::Set(d, entry[x]);
        } else if (tile.stepped_visible) {
          bias = hn::LoadU(d, entry + x + v * kLanes);
        } else {
          const auto seen = hn::Load(di, tile.visible + v * kLanes);
          const auto index = hn::Max(
              hn::Sub(seen, hn::Set(di, static_cast<int32_t>(first + j + 1))),
              hn::Zero(di));
          bias = hn::GatherIndex(d, entry, index);
        }
        hn::Store(bias, d, to + v * kLanes);
      }
    }
  }

  // `gradient` is entry 0 of a head's extended row.
  static void AddPositionGradients(const Tile& tile, int64_t first,
                                   int64_t keys, const float* dlogits,
                                   float* gradient) {
    const FloatTag d;
    for (int64_t j = 0; j < keys; ++j) {
      const float* from = dlogits + j * kTile;
      const int64_t x = tile.visible[0] - 1 - (first + j);
      if (tile.stepped_visible) {
        for (int64_t v = 0; v < tile.vectors() * kLanes; v += kLanes) {
          float* to = gradient + x + v;
          hn::StoreU(hn::Add(hn::LoadU(d, to), hn::Load(d, from + v)), d, to);
        }
        continue;
      }
      for (int64_t i = 0; i < tile.count; ++i) {
        const int64_t entry = tile.visible[i] - 1 - (first + j);
        if (entry >= 0) gradient[entry] += from[i];
      }
    }
  }

  const AttentionTask& task_;
  float* extended_;
  int64_t stride_;
  int32_t* buckets_;
};

}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
