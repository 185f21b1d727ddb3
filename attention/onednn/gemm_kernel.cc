#include "attention/onednn/gemm_kernel.h"

#include <algorithm>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/gemm_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/transpose-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;

// A tile of C lives in registers: kTileRows x 2 vectors. 24 sums, 2 vectors of
// B and one broadcast fit the 32 registers of AVX-512; 12 the 16 of the others.
constexpr int kTileRows = HWY_TARGET == HWY_AVX3 ? 12 : 6;

constexpr int64_t PanelColumns() { return 2 * hn::MaxLanes(FloatTag()); }

// C[kRows, panel] = A B over k steps; element (r, k) of A at
// a[r * lda + k], or a[k * lda + r] when it is stored transposed.
template <int kRows, bool kTransposedA>
HWY_INLINE void Tile(const float* HWY_RESTRICT a, int64_t lda,
                     const float* HWY_RESTRICT b, int64_t ldb, int64_t steps,
                     float* HWY_RESTRICT c, int64_t ldc, bool accumulate) {
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  FloatVec sum[kRows][2];
  for (int r = 0; r < kRows; ++r) {
    sum[r][0] = accumulate ? hn::LoadU(d, c + r * ldc) : hn::Zero(d);
    sum[r][1] = accumulate ? hn::LoadU(d, c + r * ldc + lanes) : hn::Zero(d);
  }
  for (int64_t k = 0; k < steps; ++k) {
    const FloatVec b0 = hn::LoadU(d, b + k * ldb);
    const FloatVec b1 = hn::LoadU(d, b + k * ldb + lanes);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const FloatVec value =
          hn::Set(d, kTransposedA ? a[k * lda + r] : a[r * lda + k]);
      sum[r][0] = hn::MulAdd(value, b0, sum[r][0]);
      sum[r][1] = hn::MulAdd(value, b1, sum[r][1]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    hn::StoreU(sum[r][0], d, c + r * ldc);
    hn::StoreU(sum[r][1], d, c + r * ldc + lanes);
  }
}

// One panel of C, `columns` of it real: the rest of a narrow one is computed in
// a buffer and dropped.
template <int kRows, bool kTransposedA>
HWY_INLINE void TileOfPanel(const float* a, int64_t lda, const float* b,
                            int64_t ldb, int64_t steps, float* c, int64_t ldc,
                            int64_t columns, bool accumulate) {
  constexpr int64_t kPanel = PanelColumns();
  if (columns == kPanel) {
    Tile<kRows, kTransposedA>(a, lda, b, ldb, steps, c, ldc, accumulate);
    return;
  }
  HWY_ALIGN float buffer[kRows * kPanel];
  if (accumulate) {
    for (int r = 0; r < kRows; ++r) {
      std::copy_n(c + r * ldc, columns, buffer + r * kPanel);
      std::fill(buffer + r * kPanel + columns, buffer + (r + 1) * kPanel, 0.f);
    }
  }
  Tile<kRows, kTransposedA>(a, lda, b, ldb, steps, buffer, kPanel, accumulate);
  for (int r = 0; r < kRows; ++r) {
    std::copy_n(buffer + r * kPanel, columns, c + r * ldc);
  }
}

// All rows of one panel.
template <bool kTransposedA>
HWY_NOINLINE void Panel(const float* a, int64_t lda, const float* b,
                        int64_t ldb, int64_t rows, int64_t steps, float* c,
                        int64_t ldc, int64_t columns, bool accumulate) {
  int64_t r = 0;
  const auto run = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= rows; r += kRows) {
      TileOfPanel<kRows, kTransposedA>(a + (kTransposedA ? r : r * lda), lda, b,
                                       ldb, steps, c + r * ldc, ldc, columns,
                                       accumulate);
    }
  };
  run.template operator()<kTileRows>();
  if constexpr (kTileRows > 6) run.template operator()<6>();
  run.template operator()<4>();
  run.template operator()<2>();
  run.template operator()<1>();
}

// A panel of B over a block of steps stays in L1: 256 x 32 x 4 = 32 KB.
constexpr int64_t kStepBlock = 256;

template <bool kTransposedA>
void GemmDirect(ConstMatrixView a, ConstMatrixView b, MatrixView c,
                bool accumulate, float* scratch) {
  constexpr int64_t kPanel = PanelColumns();
  const int64_t columns = b.cols();
  for (int64_t k = 0; k < b.rows(); k += kStepBlock) {
    const int64_t steps = std::min(kStepBlock, b.rows() - k);
    const float* a_block = a.data() + (kTransposedA ? k * a.stride(0) : k);
    for (int64_t j = 0; j < columns; j += kPanel) {
      const float* panel = b.data() + k * b.stride(0) + j;
      int64_t ldb = b.stride(0);
      const int64_t real = std::min(kPanel, columns - j);
      if (real < kPanel) {
        // The last panel, padded with zeros so that whole vectors can be read.
        for (int64_t s = 0; s < steps; ++s) {
          std::copy_n(panel + s * ldb, real, scratch + s * kPanel);
          std::fill(scratch + s * kPanel + real, scratch + (s + 1) * kPanel,
                    0.0f);
        }
        panel = scratch;
        ldb = kPanel;
      }
      Panel<kTransposedA>(a_block, a.stride(0), panel, ldb, c.rows(), steps,
                          c.data() + j, c.stride(0), real, accumulate || k > 0);
    }
  }
}

void GemmPlain(const ConstMatrixView& a, const ConstMatrixView& b,
               const MatrixView& c, bool accumulate, float* scratch) {
  GemmDirect<false>(a, b, c, accumulate, scratch);
}

// Rows of C, columns of a transposed A, that are taken through all panels of a
// B that stays in L1 by itself: A's cache lines, one per step, are then read
// once.
constexpr int64_t kColumnBlock = 48;
constexpr int64_t kSmallB = 8192;  // floats

void GemmWithTransposedA(const ConstMatrixView& a, const ConstMatrixView& b,
                         const MatrixView& c, float* scratch) {
  const int64_t block = b.size() <= kSmallB ? kColumnBlock : c.rows();
  for (int64_t i = 0; i < c.rows(); i += block) {
    const int64_t rows = std::min(block, c.rows() - i);
    const ConstMatrixView columns(a.data() + i, {a.rows(), rows},
                                  {a.stride(0), 1});
    GemmDirect<true>(columns, b, c.rows_slice(i, rows), /*accumulate=*/true,
                     scratch);
  }
}

// Panel [K, kPanel] of b [N, K] transposed, columns beyond `count` zero.
void PackPanel(const float* b, int64_t ldb, int64_t count, int64_t steps,
               float* panel) {
  constexpr int64_t kPanel = PanelColumns();
  Transpose(b, ldb, count, steps, panel, kPanel);
  if (count == kPanel) return;
  for (int64_t k = 0; k < steps; ++k) {
    std::fill(panel + k * kPanel + count, panel + (k + 1) * kPanel, 0.0f);
  }
}

void Pack(const ConstMatrixView& b, float* packed) {
  constexpr int64_t kPanel = PanelColumns();
  for (int64_t j = 0; j < b.rows(); j += kPanel) {
    PackPanel(b.row(j), b.stride(0), std::min(kPanel, b.rows() - j), b.cols(),
              packed + j * b.cols());
  }
}

// Rows of A that stay in L2 while the panels pass by.
constexpr int64_t kRowBlock = 240;

void GemmWithPackedB(const ConstMatrixView& a, const float* packed,
                     const MatrixView& c) {
  constexpr int64_t kPanel = PanelColumns();
  for (int64_t i = 0; i < a.rows(); i += kRowBlock) {
    const int64_t rows = std::min(kRowBlock, a.rows() - i);
    for (int64_t j = 0; j < c.cols(); j += kPanel) {
      Panel<false>(a.row(i), a.stride(0), packed + j * a.cols(), kPanel, rows,
                   a.cols(), c.row(i) + j, c.stride(0),
                   std::min(kPanel, c.cols() - j), /*accumulate=*/false);
    }
  }
}

// Packs and uses one panel after the other: b is read once, in order.
void GemmWithTransposedB(const ConstMatrixView& a, const ConstMatrixView& b,
                         const MatrixView& c, float* panel) {
  constexpr int64_t kPanel = PanelColumns();
  for (int64_t j = 0; j < b.rows(); j += kPanel) {
    const int64_t columns = std::min(kPanel, b.rows() - j);
    PackPanel(b.row(j), b.stride(0), columns, b.cols(), panel);
    Panel<false>(a.data(), a.stride(0), panel, kPanel, a.rows(), a.cols(),
                 c.data() + j, c.stride(0), columns, /*accumulate=*/false);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {

HWY_EXPORT(GemmPlain);
HWY_EXPORT(GemmWithTransposedA);
HWY_EXPORT(GemmWithPackedB);
HWY_EXPORT(GemmWithTransposedB);
HWY_EXPORT(Pack);

// Of the widest target; the others' panels are divisors of it.
constexpr int64_t kWidestPanel = 32;
constexpr int64_t kStepBlock = 256;
// From here on the rows no longer stay in L1 while the panels pass by.
constexpr int64_t kRowsWorthPacking = 96;

int64_t RoundUpToPanel(int64_t columns) {
  return (columns + kWidestPanel - 1) / kWidestPanel * kWidestPanel;
}

void Clear(MatrixView c) {
  for (int64_t i = 0; i < c.rows(); ++i) std::ranges::fill(c.row_span(i), 0.0f);
}

}  // namespace

void Gemm(Workspace& workspace, ConstMatrixView a, ConstMatrixView b,
          MatrixView c, bool accumulate) {
  assert(a.cols() == b.rows() && c.rows() == a.rows() && c.cols() == b.cols());
  if (b.rows() == 0 && !accumulate) Clear(c);
  Workspace::Scope scope(workspace);
  float* scratch = workspace.Allocate<float>(kStepBlock * kWidestPanel).data();
  HWY_DYNAMIC_DISPATCH(GemmPlain)(a, b, c, accumulate, scratch);
}

void GemmTransposedA(Workspace& workspace, ConstMatrixView a, ConstMatrixView b,
                     MatrixView c) {
  assert(a.rows() == b.rows() && c.rows() == a.cols() && c.cols() == b.cols());
  Workspace::Scope scope(workspace);
  float* scratch = workspace.Allocate<float>(kStepBlock * kWidestPanel).data();
  HWY_DYNAMIC_DISPATCH(GemmWithTransposedA)(a, b, c, scratch);
}

void GemmTransposedB(Workspace& workspace, ConstMatrixView a, ConstMatrixView b,
                     MatrixView c) {
  assert(a.cols() == b.cols() && c.rows() == a.rows() && c.cols() == b.rows());
  if (a.rows() == 0) return;
  Workspace::Scope scope(workspace);
  if (a.rows() >= kRowsWorthPacking && b.size() <= (int64_t{1} << 20)) {
    Gemm(a, PackedTransposed(workspace, b), c);
    return;
  }
  float* panel = workspace.Allocate<float>(b.cols() * kWidestPanel).data();
  HWY_DYNAMIC_DISPATCH(GemmWithTransposedB)(a, b, c, panel);
}

PackedTransposed::PackedTransposed(Workspace& workspace, ConstMatrixView b)
    : rows_(b.rows()),
      cols_(b.cols()),
      data_(workspace.Allocate<float>(RoundUpToPanel(rows_) * cols_).data()) {
  HWY_DYNAMIC_DISPATCH(Pack)(b, data_);
}

void Gemm(ConstMatrixView a, const PackedTransposed& b, MatrixView c) {
  assert(a.cols() == b.cols() && c.rows() == a.rows() && c.cols() == b.rows());
  HWY_DYNAMIC_DISPATCH(GemmWithPackedB)(a, b.data(), c);
}

}  // namespace attune
#endif  // HWY_ONCE
