#include "attention/onednn/column_sum_kernel.h"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/column_sum_kernel.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void ColumnSums(const ConstMatrixView& matrix, float* HWY_RESTRICT sums) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = hn::Lanes(d);
  const int64_t rows = matrix.rows();
  if (rows == 0) return;  // may come without data
  const int64_t stride = matrix.stride(0);
  int64_t c = 0;
  for (; c + lanes <= matrix.cols(); c += lanes) {
    const float* column = matrix.data() + c;
    // Four chains hide the latency of the addition.
    auto sum0 = hn::LoadU(d, sums + c);
    auto sum1 = hn::Zero(d);
    auto sum2 = hn::Zero(d);
    auto sum3 = hn::Zero(d);
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      sum0 = hn::Add(sum0, hn::LoadU(d, column + r * stride));
      sum1 = hn::Add(sum1, hn::LoadU(d, column + (r + 1) * stride));
      sum2 = hn::Add(sum2, hn::LoadU(d, column + (r + 2) * stride));
      sum3 = hn::Add(sum3, hn::LoadU(d, column + (r + 3) * stride));
    }
    for (; r < rows; ++r) {
      sum0 = hn::Add(sum0, hn::LoadU(d, column + r * stride));
    }
    hn::StoreU(hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)), d, sums + c);
  }
  for (; c < matrix.cols(); ++c) {
    float sum = 0.0f;
    for (int64_t r = 0; r < rows; ++r) sum += matrix.data()[r * stride + c];
    sums[c] += sum;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {
HWY_EXPORT(ColumnSums);
}  // namespace

void AddColumnSums(ConstMatrixView matrix, std::span<float> sums) {
  HWY_DYNAMIC_DISPATCH(ColumnSums)(matrix, sums.data());
}

}  // namespace attune
#endif  // HWY_ONCE
