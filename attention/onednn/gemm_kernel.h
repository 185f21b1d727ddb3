#pragma once

#include <cstdint>

#include "base/tensor_view.h"
#include "base/workspace.h"

// f32 products for shapes that change from call to call (gradients, losses,
// scoring), where a oneDNN primitive would have to be made for each. On
// Highway, for the best instruction set of the machine. An element of c is
// always the sum over k = 0, 1, … in this order, in blocks that depend on K
// alone: its bits do not depend on M, N or its place. Thread-safe; scratch from
// the workspace.
namespace attune {

/// c[M, N] = a[M, K] b[K, N], added to c when `accumulate`.
void Gemm(Workspace& workspace, ConstMatrixView a, ConstMatrixView b,
          MatrixView c, bool accumulate);

/// c[M, N] += a[K, M]^T b[K, N].
void GemmTransposedA(Workspace& workspace, ConstMatrixView a, ConstMatrixView b,
                     MatrixView c);

/// c[M, N] = a[M, K] b[N, K]^T. Few rows are bound by the reading of b, which
/// happens once.
void GemmTransposedB(Workspace& workspace, ConstMatrixView a, ConstMatrixView b,
                     MatrixView c);

/// b[N, K] transposed and cut into panels, to be used by many products.
class PackedTransposed {
 public:
  /// Takes its memory from `workspace`: valid as long as the enclosing scope.
  PackedTransposed(Workspace& workspace, ConstMatrixView b);

  int64_t rows() const { return rows_; }  ///< N
  int64_t cols() const { return cols_; }  ///< K
  const float* data() const { return data_; }

 private:
  int64_t rows_;
  int64_t cols_;
  float* data_;
};

/// c[M, N] = a[M, K] b[N, K]^T.
void Gemm(ConstMatrixView a, const PackedTransposed& b, MatrixView c);

}  // namespace attune
