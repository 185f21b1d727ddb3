#include "attention/onednn/linear_kernel.h"

#include <algorithm>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/linear_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/activation-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;

constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
constexpr int64_t kPanel = 2 * kLanes;
static_assert(kLinearPanel % kPanel == 0);
// Rows of a tile: 24 sums, 2 vectors of weights and a broadcast fit the 32
// registers of AVX-512, 12 the 16 of the others. 92 to 98% of the machine's
// peak on Zen 5; 6 rows x 4 vectors, rows packed side by side and unrolled
// steps were no faster.
constexpr int kTileRows = HWY_TARGET == HWY_AVX3 ? 12 : 6;

// What the sums meet on their way to C. GELU has its own tiles, since its
// results are the widest of a block; other activations pass over C once more.
enum class After { kNothing, kResidual, kGelu };

struct Operands {
  const float* a;
  int64_t lda;
  const float* weights;  // the first panel's
  int64_t steps;
  const float* bias;
  const float* residual;
  int64_t ldr;
  float* c;
  int64_t ldc;
};

// kRows rows of kPanels panels next to each other. Every loop over the sums is
// unrolled, or GCC keeps them in memory.
template <int kRows, int kPanels, After kAfter>
HWY_INLINE void Tile(const Operands& o) {
  const FloatTag d;
  constexpr int kVectors = 2 * kPanels;
  FloatVec sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const FloatVec bias = hn::LoadU(d, o.bias + v * kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sum[r][v] = bias;
  }
  const float* HWY_RESTRICT a = o.a;
  const float* HWY_RESTRICT weights = o.weights;
  const int64_t panel_size = o.steps * kPanel;
  for (int64_t k = 0; k < o.steps; ++k) {
    FloatVec w[kVectors];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const float* from = weights + p * panel_size + k * kPanel;
      w[2 * p] = hn::LoadU(d, from);
      w[2 * p + 1] = hn::LoadU(d, from + kLanes);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const FloatVec value = hn::Set(d, a[r * o.lda + k]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(value, w[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      FloatVec result = sum[r][v];
      if constexpr (kAfter == After::kResidual) {
        result =
            hn::Add(result, hn::LoadU(d, o.residual + r * o.ldr + v * kLanes));
      }
      if constexpr (kAfter == After::kGelu) {
        result = activation::GeluTanh::Value(d, result);
      }
      hn::StoreU(result, d, o.c + r * o.ldc + v * kLanes);
    }
  }
}

// As Tile, of a panel that is only partly within C: computed in a buffer.
template <int kRows, After kAfter>
HWY_NOINLINE void NarrowTile(Operands o, int64_t columns) {
  HWY_ALIGN float buffer[kRows * kPanel] = {};
  if constexpr (kAfter == After::kResidual) {
    for (int r = 0; r < kRows; ++r) {
      std::copy_n(o.residual + r * o.ldr, columns, buffer + r * kPanel);
    }
    o.residual = buffer;
    o.ldr = kPanel;
  }
  float* c = o.c;
  const int64_t ldc = o.ldc;
  o.c = buffer;
  o.ldc = kPanel;
  Tile<kRows, 1, kAfter>(o);
  for (int r = 0; r < kRows; ++r) {
    std::copy_n(buffer + r * kPanel, columns, c + r * ldc);
  }
}

// kRows rows of all columns, for where few rows are left: several panels at a
// time, so that there are sums enough to hide the latency of each other.
template <int kRows, After kAfter>
HWY_NOINLINE void FewRows(Operands o, int64_t columns) {
  constexpr int kPanels = kRows == 1 ? 4 : 2;
  const auto advance = [&](int64_t by) HWY_ATTR {
    o.weights += by * o.steps;
    o.bias += by;
    if constexpr (kAfter == After::kResidual) o.residual += by;
    o.c += by;
    columns -= by;
  };
  while (columns >= kPanels * kPanel) {
    Tile<kRows, kPanels, kAfter>(o);
    advance(kPanels * kPanel);
  }
  while (columns >= kPanel) {
    Tile<kRows, 1, kAfter>(o);
    advance(kPanel);
  }
  if (columns > 0) NarrowTile<kRows, kAfter>(o, columns);
}

// `rows` rows of one panel, a multiple of 4.
template <After kAfter>
HWY_INLINE void PanelRows(Operands o, int64_t rows, int64_t columns) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= rows; r += kRows) {
      if (columns >= kPanel) {
        Tile<kRows, 1, kAfter>(o);
      } else {
        NarrowTile<kRows, kAfter>(o, columns);
      }
      o.a += kRows * o.lda;
      if constexpr (kAfter == After::kResidual) o.residual += kRows * o.ldr;
      o.c += kRows * o.ldc;
    }
  };
  run.template operator()<kTileRows>();
  if constexpr (kTileRows > 8) run.template operator()<8>();
  run.template operator()<4>();
  // Twos are left where tiles have six rows.
  if constexpr (kTileRows % 4 != 0) run.template operator()<2>();
}

// c = f(c) for columns that are still in the first-level cache.
HWY_INLINE void Activate(ActivationKind kind, float* c, int64_t ldc,
                         int64_t rows, int64_t columns) {
  activation::WithActivation(kind, [&](auto function) HWY_ATTR {
    const FloatTag d;
    const hn::CappedTag<float, 1> d1;
    using Function = decltype(function);
    for (int64_t r = 0; r < rows; ++r) {
      float* row = c + r * ldc;
      int64_t i = 0;
      for (; i + kPanel <= columns; i += kPanel) {
        const auto y0 = Function::Value(d, hn::LoadU(d, row + i));
        const auto y1 = Function::Value(d, hn::LoadU(d, row + i + kLanes));
        hn::StoreU(y0, d, row + i);
        hn::StoreU(y1, d, row + i + kLanes);
      }
      for (; i < columns; ++i) {
        hn::StoreU(Function::Value(d1, hn::LoadU(d1, row + i)), d1, row + i);
      }
    }
  });
}

template <After kAfter>
void ProductOf(Operands o, int64_t rows, int64_t columns,
               ActivationKind activation) {
  const int64_t many = rows - rows % 4;
  const Operands all = o;
  for (int64_t j = 0; many > 0 && j < columns; j += kPanel) {
    o.weights = all.weights + j * o.steps;
    o.bias = all.bias + j;
    if constexpr (kAfter == After::kResidual) o.residual = all.residual + j;
    o.c = all.c + j;
    PanelRows<kAfter>(o, many, columns - j);
    Activate(activation, o.c, o.ldc, many, std::min(kPanel, columns - j));
  }
  if (many == rows) return;
  o = all;
  o.a += many * o.lda;
  if constexpr (kAfter == After::kResidual) o.residual += many * o.ldr;
  o.c += many * o.ldc;
  switch (rows - many) {
    case 1:
      FewRows<1, kAfter>(o, columns);
      break;
    case 2:
      FewRows<2, kAfter>(o, columns);
      break;
    default:
      FewRows<3, kAfter>(o, columns);
  }
  Activate(activation, o.c, o.ldc, rows - many, columns);
}

void Product(const ConstMatrixView& a, const float* packed,
             const LinearEpilogue& epilogue, const MatrixView& c) {
  const ConstMatrixView& residual = epilogue.residual;
  const Operands o = {a.data(),           a.stride(0),   packed,
                      a.cols(),           epilogue.bias, residual.data(),
                      residual.stride(0), c.data(),      c.stride(0)};
  if (epilogue.activation == ActivationKind::kGeluTanh) {
    ProductOf<After::kGelu>(o, a.rows(), c.cols(), ActivationKind::kNone);
  } else if (residual.empty()) {
    ProductOf<After::kNothing>(o, a.rows(), c.cols(), epilogue.activation);
  } else {
    ProductOf<After::kResidual>(o, a.rows(), c.cols(), epilogue.activation);
  }
}

void Pack(const ConstMatrixView& weight, float* packed) {
  for (int64_t j = 0; j < PackedColumns(weight.cols()); j += kPanel) {
    const int64_t columns = std::clamp<int64_t>(weight.cols() - j, 0, kPanel);
    for (int64_t k = 0; k < weight.rows(); ++k, packed += kPanel) {
      std::copy_n(weight.row(k) + j, columns, packed);
      std::fill(packed + columns, packed + kPanel, 0.0f);
    }
  }
}

void Unpack(const float* packed, const MatrixView& weight) {
  for (int64_t j = 0; j < weight.cols(); j += kPanel) {
    const int64_t columns = std::min(kPanel, weight.cols() - j);
    for (int64_t k = 0; k < weight.rows(); ++k, packed += kPanel) {
      std::copy_n(packed, columns, weight.row(k) + j);
    }
  }
}

void Dots(const ConstMatrixView& a, const ConstMatrixView& weight,
          const LinearEpilogue& epilogue, const MatrixView& c) {
  const ConstMatrixView& residual = epilogue.residual;
  const FloatTag d;
  const int64_t steps = a.cols();
  const int64_t whole = steps - steps % kLanes;
  for (int64_t i = 0; i < a.rows(); ++i) {
    const float* x = a.row(i);
    for (int64_t j = 0; j < weight.rows(); ++j) {
      const float* w = weight.row(j);
      FloatVec sum = hn::Zero(d);
      for (int64_t k = 0; k < whole; k += kLanes) {
        sum = hn::MulAdd(hn::LoadU(d, x + k), hn::LoadU(d, w + k), sum);
      }
      float total = hn::GetLane(hn::SumOfLanes(d, sum)) + epilogue.bias[j];
      for (int64_t k = whole; k < steps; ++k) total += x[k] * w[k];
      c(i, j) = residual.empty() ? total : total + residual(i, j);
    }
  }
  Activate(epilogue.activation, c.data(), c.stride(0), c.rows(), c.cols());
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(Pack);
HWY_EXPORT(Unpack);
HWY_EXPORT(Product);
HWY_EXPORT(Dots);
}  // namespace

void PackLinearWeights(ConstMatrixView weight, float* packed) {
  HWY_DYNAMIC_DISPATCH(Pack)(weight, packed);
}

void UnpackLinearWeights(const float* packed, MatrixView weight) {
  HWY_DYNAMIC_DISPATCH(Unpack)(packed, weight);
}

void LinearProduct(ConstMatrixView a, const float* packed,
                   const LinearEpilogue& epilogue, MatrixView c) {
  assert(a.rows() == c.rows());
  HWY_DYNAMIC_DISPATCH(Product)(a, packed, epilogue, c);
}

void LinearDots(ConstMatrixView a, ConstMatrixView weight,
                const LinearEpilogue& epilogue, MatrixView c) {
  assert(a.rows() == c.rows() && weight.rows() == c.cols());
  HWY_DYNAMIC_DISPATCH(Dots)(a, weight, epilogue, c);
}

}  // namespace attune
#endif  // HWY_ONCE
