#include "attention/onednn/bfloat16_linear_kernel.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "attention/bfloat16.h"
#include "attention/instruction_set.h"

// AVX-512 alone, and the scalar code that Highway wants but nobody calls.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/bfloat16_linear_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/activation-inl.h"
#include "hwy/highway.h"

// Highway 1.0.3 has no target with these instructions. One attribute names
// them all, since clang takes the first of several; lambdas have their own.
#if HWY_TARGET == HWY_AVX3
#undef HWY_ATTR
#define HWY_ATTR __attribute__((target(HWY_TARGET_STR ",avx512bf16")))
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
#else
HWY_BEFORE_NAMESPACE();
#endif
namespace attune {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_AVX3

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kPanel = kLinearPanel;
// As in linear_kernel.cc: 24 sums cover two units' latency of 6 cycles.
constexpr int kTileRows = 12;

// What the sums meet on their way to C. GELU has its own tiles, since its
// results are the widest of a block; other activations pass over C once more.
enum class After { kNothing, kResidual, kGelu };

struct Operands {
  const uint16_t* a;
  int64_t lda;
  const uint16_t* weights;
  int64_t steps;
  const float* bias;
  const float* residual;
  int64_t ldr;
  float* c;
  int64_t ldc;
  int64_t columns;  // of C from here on
};

// A pair of inputs in every lane.
HWY_INLINE __m512bh Pair(const uint16_t* from) {
  int32_t pair;
  std::memcpy(&pair, from, sizeof(pair));
  return (__m512bh)_mm512_set1_epi32(pair);
}

HWY_INLINE __m512bh LoadPairs(const uint16_t* from) {
  return (__m512bh)_mm512_loadu_si512(from);
}

HWY_INLINE __mmask16 FirstLanes(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, 16)) - 1);
}

HWY_INLINE __m512 Gelu(__m512 x) {
  const hn::ScalableTag<float> d;
  return activation::GeluTanh::Value(d, hn::Vec<decltype(d)>{x}).raw;
}

// kRows rows of kPanels panels, the last of which may be cut by the end of C.
// Every loop over the sums is unrolled, or GCC keeps them in memory.
template <int kRows, int kPanels, After kAfter>
HWY_INLINE void Tile(const Operands& o) {
  constexpr int kVectors = 2 * kPanels;
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const __m512 bias = _mm512_loadu_ps(o.bias + 16 * v);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sum[r][v] = bias;
  }
  const uint16_t* a = o.a;
  const uint16_t* weights = o.weights;
  const int64_t panel_size = o.steps * kPanel;
  for (int64_t k = 0; k < o.steps; k += 2) {
    __m512bh w[kVectors];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const uint16_t* from = weights + p * panel_size + k * kPanel;
      w[2 * p] = LoadPairs(from);
      w[2 * p + 1] = LoadPairs(from + kPanel);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const __m512bh value = Pair(a + r * o.lda + k);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], value, w[v]);
      }
    }
  }
  if (o.columns >= kPanels * kPanel) {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        __m512 result = sum[r][v];
        if constexpr (kAfter == After::kResidual) {
          result = _mm512_add_ps(
              result, _mm512_loadu_ps(o.residual + r * o.ldr + 16 * v));
        }
        if constexpr (kAfter == After::kGelu) result = Gelu(result);
        _mm512_storeu_ps(o.c + r * o.ldc + 16 * v, result);
      }
    }
    return;
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const __mmask16 mask = FirstLanes(o.columns - 16 * v);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      __m512 result = sum[r][v];
      if constexpr (kAfter == After::kResidual) {
        result = _mm512_add_ps(
            result,
            _mm512_maskz_loadu_ps(mask, o.residual + r * o.ldr + 16 * v));
      }
      if constexpr (kAfter == After::kGelu) result = Gelu(result);
      _mm512_mask_storeu_ps(o.c + r * o.ldc + 16 * v, mask, result);
    }
  }
}

// All columns of a few rows, several panels at a time.
template <int kRows, After kAfter>
HWY_NOINLINE void FewRows(Operands o) {
  constexpr int kPanels = kRows == 1 ? 4 : 2;
  const auto advance = [&](int64_t by) HWY_ATTR {
    o.weights += by * o.steps;
    o.bias += by;
    if constexpr (kAfter == After::kResidual) o.residual += by;
    o.c += by;
    o.columns -= by;
  };
  while (o.columns >= kPanels * kPanel) {
    Tile<kRows, kPanels, kAfter>(o);
    advance(kPanels * kPanel);
  }
  while (o.columns > 0) {
    Tile<kRows, 1, kAfter>(o);
    advance(kPanel);
  }
}

// `rows` rows of one panel, a multiple of 4.
template <After kAfter>
HWY_INLINE void PanelRows(Operands o, int64_t rows) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= rows; r += kRows) {
      Tile<kRows, 1, kAfter>(o);
      o.a += kRows * o.lda;
      if constexpr (kAfter == After::kResidual) o.residual += kRows * o.ldr;
      o.c += kRows * o.ldc;
    }
  };
  run.template operator()<kTileRows>();
  run.template operator()<8>();
  run.template operator()<4>();
}

// c = f(c) for columns that are still in the first-level cache.
void Activate(ActivationKind kind, float* c, int64_t ldc, int64_t rows,
              int64_t columns) {
  activation::WithActivation(kind, [&](auto function) HWY_ATTR {
    const hn::ScalableTag<float> d;
    using Function = decltype(function);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < columns; i += 16) {
        float* at = c + r * ldc + i;
        const __mmask16 mask = FirstLanes(columns - i);
        const hn::Vec<decltype(d)> x{_mm512_maskz_loadu_ps(mask, at)};
        _mm512_mask_storeu_ps(at, mask, Function::Value(d, x).raw);
      }
    }
  });
}

template <After kAfter>
void ProductOf(const Operands& all, int64_t rows, ActivationKind activation) {
  const int64_t many = rows - rows % 4;
  Operands o = all;
  for (int64_t j = 0; many > 0 && j < all.columns; j += kPanel) {
    o.weights = all.weights + j * all.steps;
    o.bias = all.bias + j;
    if constexpr (kAfter == After::kResidual) o.residual = all.residual + j;
    o.c = all.c + j;
    o.columns = all.columns - j;
    PanelRows<kAfter>(o, many);
    Activate(activation, o.c, o.ldc, many, std::min(kPanel, o.columns));
  }
  if (many == rows) return;
  o = all;
  o.a += many * o.lda;
  if constexpr (kAfter == After::kResidual) o.residual += many * o.ldr;
  o.c += many * o.ldc;
  switch (rows - many) {
    case 1:
      FewRows<1, kAfter>(o);
      break;
    case 2:
      FewRows<2, kAfter>(o);
      break;
    default:
      FewRows<3, kAfter>(o);
  }
  Activate(activation, o.c, o.ldc, rows - many, all.columns);
}

void Product(const Bfloat16Rows& a, const uint16_t* packed,
             const LinearEpilogue& epilogue, const MatrixView& c) {
  const ConstMatrixView& residual = epilogue.residual;
  const Operands o = {
      a.data,          a.stride,           packed,   a.steps,     epilogue.bias,
      residual.data(), residual.stride(0), c.data(), c.stride(0), c.cols()};
  if (epilogue.activation == ActivationKind::kGeluTanh) {
    ProductOf<After::kGelu>(o, a.rows, ActivationKind::kNone);
  } else if (residual.empty()) {
    ProductOf<After::kNothing>(o, a.rows, epilogue.activation);
  } else {
    ProductOf<After::kResidual>(o, a.rows, epilogue.activation);
  }
}

void Convert(const ConstMatrixView& from, uint16_t* to) {
  const int64_t cols = from.cols();
  for (int64_t r = 0; r < from.rows(); ++r, to += Bfloat16Steps(cols)) {
    const float* row = from.row(r);
    int64_t c = 0;
    for (; c + 32 <= cols; c += 32) {
      const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + c + 16),
                                                _mm512_loadu_ps(row + c));
      _mm512_storeu_si512(to + c, (__m512i)both);
    }
    for (; c < cols; c += 16) {
      const int64_t left = std::min<int64_t>(16, cols - c);
      const __mmask16 in = static_cast<__mmask16>((1u << left) - 1);
      const __mmask16 out =
          static_cast<__mmask16>((1u << Bfloat16Steps(left)) - 1);
      const __m256bh half =
          _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(in, row + c));
      _mm256_mask_storeu_epi16(to + c, out, (__m256i)half);
    }
  }
}

#else

void Product(const Bfloat16Rows&, const uint16_t*, const LinearEpilogue&,
             const MatrixView&) {}
void Convert(const ConstMatrixView&, uint16_t*) {}

#endif

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(Product);
HWY_EXPORT(Convert);
}  // namespace

bool HasBfloat16Products() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") && NewestInstructionsAllowed();
#else
  return false;
#endif
}

void PackBfloat16Weights(ConstMatrixView weight, uint16_t* packed) {
  const auto element = [&](int64_t k, int64_t j) -> uint16_t {
    return k < weight.rows() && j < weight.cols() ? Bfloat16Bits(weight(k, j))
                                                  : uint16_t{0};
  };
  const int64_t steps = Bfloat16Steps(weight.rows());
  for (int64_t j = 0; j < PackedColumns(weight.cols()); j += kLinearPanel) {
    for (int64_t k = 0; k < steps; k += 2) {
      for (int64_t i = j; i < j + kLinearPanel; ++i) {
        *packed++ = element(k, i);
        *packed++ = element(k + 1, i);
      }
    }
  }
}

void UnpackBfloat16Weights(const uint16_t* packed, MatrixView weight) {
  const int64_t steps = Bfloat16Steps(weight.rows());
  for (int64_t k = 0; k < weight.rows(); ++k) {
    for (int64_t j = 0; j < weight.cols(); ++j) {
      const int64_t panel = j / kLinearPanel * kLinearPanel;
      const int64_t at =
          panel * steps + k / 2 * 2 * kLinearPanel + (j - panel) * 2 + k % 2;
      weight(k, j) =
          std::bit_cast<float>(static_cast<uint32_t>(packed[at]) << 16);
    }
  }
}

void ConvertToBfloat16Rows(ConstMatrixView from, uint16_t* to) {
  assert(HasBfloat16Products());
  HWY_DYNAMIC_DISPATCH(Convert)(from, to);
}

void Bfloat16Product(const Bfloat16Rows& a, const uint16_t* packed,
                     const LinearEpilogue& epilogue, MatrixView c) {
  assert(HasBfloat16Products() && a.rows == c.rows());
  HWY_DYNAMIC_DISPATCH(Product)(a, packed, epilogue, c);
}

}  // namespace attune
#endif  // HWY_ONCE
