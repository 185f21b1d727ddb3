#pragma once

#include "absl/status/status.h"
#include "base/execution_context.h"
#include "base/tensor_view.h"

namespace attune {

/// Plain product of two activations, for what is no layer: scoring users
/// against items, losses. c[M, N] = a[M, K] b[N, K]^T. Overwrites c. f32.
/// A row of c is bit-identical whatever M (at least 32 rows are used).
/// Thread-safe.
class MatmulTransposed {
 public:
  virtual ~MatmulTransposed() = default;
  virtual absl::Status Forward(ExecutionContext& context, ConstMatrixView a,
                               ConstMatrixView b, MatrixView c) const = 0;
};

}  // namespace attune
