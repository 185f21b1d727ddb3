#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "attention/ops/activation.h"
#include "attention/precision.h"
#include "base/execution_context.h"
#include "base/tensor_view.h"

namespace attune {

struct LinearSpec {
  int64_t in = 0;
  int64_t out = 0;
  bool bias = true;
  ActivationKind activation = ActivationKind::kNone;
  Precision precision = Precision::kF32;
};

/// y[M, out] = f(x[M, in] W[in, out] + b[out]).
///
/// A row's result is bit-identical whatever M and whatever the other rows hold:
/// implementations never use fewer than kMinRows rows per product.
/// Forward and Backward are const and thread-safe (one ExecutionContext per
/// thread); SetWeights is not.
class Linear {
 public:
  static constexpr int64_t kMinRows = 32;

  virtual ~Linear() = default;
  virtual const LinearSpec& spec() const = 0;

  /// Takes (copies and packs) the weights; W dense [in, out], b [out] or empty.
  /// InvalidArgument when a size differs from the spec's.
  virtual absl::Status SetWeights(ConstMatrixView weight,
                                  std::span<const float> bias) = 0;

  /// x rows may have any stride >= in; y likewise. y must not overlap x.
  /// `residual` (may be empty) is added to y after the activation; it may be y.
  virtual absl::Status Forward(ExecutionContext& context, ConstMatrixView x,
                               MatrixView y,
                               ConstMatrixView residual = {}) const = 0;

  /// Gradients for activation == kNone. dx (may be empty) is overwritten;
  /// dweight [in, out] and dbias [out] (each may be empty) are added to.
  virtual absl::Status Backward(ExecutionContext& context, ConstMatrixView x,
                                ConstMatrixView dy, MatrixView dx,
                                MatrixView dweight,
                                std::span<float> dbias) const = 0;
};

}  // namespace attune
