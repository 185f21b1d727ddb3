#include "attention/ops/layer_norm.h"

#include <cassert>
#include <cmath>
#include <cstdint>

#include "attention/onednn/operations.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/layer_norm.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;

HWY_INLINE float Sum(FloatVec v) {
  return hn::GetLane(hn::SumOfLanes(FloatTag(), v));
}

struct Statistics {
  float mean;
  float inverse_deviation;
};

// Two passes over a row that is in L1: no cancellation as with E[x^2] - E[x]^2.
HWY_INLINE Statistics RowStatistics(const float* x, int64_t width) {
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  FloatVec sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    sum = hn::Add(sum, hn::LoadU(d, x + i));
  }
  float total = Sum(sum);
  for (; i < width; ++i) total += x[i];
  const float mean = total / static_cast<float>(width);

  FloatVec square = hn::Zero(d);
  for (i = 0; i + lanes <= width; i += lanes) {
    const FloatVec centred = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean));
    square = hn::MulAdd(centred, centred, square);
  }
  float variance = Sum(square);
  for (; i < width; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= static_cast<float>(width);
  return {mean, 1.0f / std::sqrt(variance + LayerNorm::kEpsilon)};
}

// Rows of kVectors whole vectors: read once, kept in registers.
template <int kVectors>
HWY_NOINLINE void ForwardWhole(const ConstMatrixView& x, const float* gamma,
                               const float* beta, const MatrixView& y) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  constexpr float kInverseWidth = 1.0f / static_cast<float>(kVectors * kLanes);
  for (int64_t m = 0; m < x.rows(); ++m) {
    const float* in = x.row(m);
    float* out = y.row(m);  // may be in
    FloatVec row[kVectors];
    // Four chains of sums.
    FloatVec sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) {
      row[i] = hn::LoadU(d, in + i * kLanes);
      sum[i % 4] = hn::Add(sum[i % 4], row[i]);
    }
    const FloatVec mean = hn::Mul(
        hn::SumOfLanes(
            d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]))),
        hn::Set(d, kInverseWidth));
    sum[0] = sum[1] = sum[2] = sum[3] = hn::Zero(d);
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) {
      row[i] = hn::Sub(row[i], mean);
      sum[i % 4] = hn::MulAdd(row[i], row[i], sum[i % 4]);
    }
    const FloatVec square = hn::SumOfLanes(
        d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
    const float variance =
        hn::GetLane(square) * kInverseWidth + LayerNorm::kEpsilon;
    const FloatVec inverse = hn::Set(d, 1.0f / std::sqrt(variance));
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) {
      hn::StoreU(
          hn::MulAdd(hn::Mul(row[i], inverse), hn::LoadU(d, gamma + i * kLanes),
                     hn::LoadU(d, beta + i * kLanes)),
          d, out + i * kLanes);
    }
  }
}

void Forward(const ConstMatrixView& x, const float* gamma, const float* beta,
             const MatrixView& y) {
  const FloatTag d;
  // The usual widths, where a row fits the registers.
  if (hn::MaxLanes(d) >= 8) {
    switch (x.cols() % hn::MaxLanes(d) == 0 ? x.cols() / hn::MaxLanes(d) : 0) {
      case 4:
        return ForwardWhole<4>(x, gamma, beta, y);
      case 8:
        return ForwardWhole<8>(x, gamma, beta, y);
      case 16:
        if (HWY_TARGET != HWY_AVX3) break;
        return ForwardWhole<16>(x, gamma, beta, y);
    }
  }
  const int64_t lanes = hn::Lanes(d);
  const int64_t width = x.cols();
  for (int64_t m = 0; m < x.rows(); ++m) {
    const float* in = x.row(m);
    float* out = y.row(m);  // may be in
    const auto [mean, inverse] = RowStatistics(in, width);
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) {
      const FloatVec normal = hn::Mul(
          hn::Sub(hn::LoadU(d, in + i), hn::Set(d, mean)), hn::Set(d, inverse));
      hn::StoreU(
          hn::MulAdd(normal, hn::LoadU(d, gamma + i), hn::LoadU(d, beta + i)),
          d, out + i);
    }
    for (; i < width; ++i) {
      out[i] = (in[i] - mean) * inverse * gamma[i] + beta[i];
    }
  }
}

// With n = (x - mean) / deviation and g = gamma dy:
// dx = (g - mean(g) - n mean(g n)) / deviation.
void Backward(const ConstMatrixView& x, const float* gamma,
              const ConstMatrixView& dy, const MatrixView& dx, float* dgamma,
              float* dbeta) {
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  const int64_t width = x.cols();
  for (int64_t m = 0; m < x.rows(); ++m) {
    const float* in = x.row(m);
    const float* upper = dy.row(m);
    float* out = dx.row(m);  // may be upper
    const auto [mean, inverse] = RowStatistics(in, width);
    FloatVec sum_g = hn::Zero(d);
    FloatVec sum_gn = hn::Zero(d);
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) {
      const FloatVec gradient = hn::LoadU(d, upper + i);
      const FloatVec normal = hn::Mul(
          hn::Sub(hn::LoadU(d, in + i), hn::Set(d, mean)), hn::Set(d, inverse));
      const FloatVec g = hn::Mul(gradient, hn::LoadU(d, gamma + i));
      sum_g = hn::Add(sum_g, g);
      sum_gn = hn::MulAdd(g, normal, sum_gn);
      hn::StoreU(hn::MulAdd(gradient, normal, hn::LoadU(d, dgamma + i)), d,
                 dgamma + i);
      hn::StoreU(hn::Add(gradient, hn::LoadU(d, dbeta + i)), d, dbeta + i);
    }
    float mean_g = Sum(sum_g);
    float mean_gn = Sum(sum_gn);
    for (; i < width; ++i) {
      const float normal = (in[i] - mean) * inverse;
      const float g = upper[i] * gamma[i];
      mean_g += g;
      mean_gn += g * normal;
      dgamma[i] += upper[i] * normal;
      dbeta[i] += upper[i];
    }
    mean_g /= static_cast<float>(width);
    mean_gn /= static_cast<float>(width);
    for (i = 0; i + lanes <= width; i += lanes) {
      const FloatVec normal = hn::Mul(
          hn::Sub(hn::LoadU(d, in + i), hn::Set(d, mean)), hn::Set(d, inverse));
      const FloatVec g =
          hn::Mul(hn::LoadU(d, upper + i), hn::LoadU(d, gamma + i));
      const FloatVec centred = hn::NegMulAdd(normal, hn::Set(d, mean_gn),
                                             hn::Sub(g, hn::Set(d, mean_g)));
      hn::StoreU(hn::Mul(centred, hn::Set(d, inverse)), d, out + i);
    }
    for (; i < width; ++i) {
      const float normal = (in[i] - mean) * inverse;
      out[i] = (upper[i] * gamma[i] - mean_g - normal * mean_gn) * inverse;
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

class VectorLayerNorm final : public LayerNorm {
 public:
  explicit VectorLayerNorm(int64_t width) : width_(width) {}

  void Forward(ExecutionContext&, ConstMatrixView x,
               std::span<const float> gamma, std::span<const float> beta,
               MatrixView y) const override {
    assert(x.cols() == width_ && y.rows() == x.rows() && y.cols() == width_);
    HWY_DYNAMIC_DISPATCH(Forward)(x, gamma.data(), beta.data(), y);
  }

  void Backward(ExecutionContext&, ConstMatrixView x,
                std::span<const float> gamma, ConstMatrixView dy, MatrixView dx,
                std::span<float> dgamma,
                std::span<float> dbeta) const override {
    assert(x.cols() == width_ && dy.rows() == x.rows());
    assert(dx.rows() == x.rows() && dx.cols() == width_);
    HWY_DYNAMIC_DISPATCH(Backward)
    (x, gamma.data(), dy, dx, dgamma.data(), dbeta.data());
  }

 private:
  [[maybe_unused]] int64_t width_;
};

}  // namespace

std::unique_ptr<LayerNorm> MakeVectorLayerNorm(int64_t width) {
  return std::make_unique<VectorLayerNorm>(width);
}

}  // namespace attune
#endif  // HWY_ONCE
