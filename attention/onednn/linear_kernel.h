#pragma once

#include <cstdint>

#include "attention/ops/activation.h"
#include "base/tensor_view.h"

// Products with weights that are packed once: what a served layer does. An
// element is the bias plus its products in the order of the inputs, so its bits
// depend on its own row and column alone, whatever the number of rows.
// Thread-safe; nothing is allocated.
namespace attune {

/// The columns that packed weights, and the bias beside them, are filled up to
/// with zeros: those of the widest panel.
inline constexpr int64_t kLinearPanel = 32;

inline int64_t PackedColumns(int64_t out) {
  return (out + kLinearPanel - 1) / kLinearPanel * kLinearPanel;
}

/// weight [in, out] to panels of columns, each [in, panel]. `packed` has in *
/// PackedColumns(out) floats. The panel is the instruction set's: pack and
/// multiply under the same one.
void PackLinearWeights(ConstMatrixView weight, float* packed);
void UnpackLinearWeights(const float* packed, MatrixView weight);

/// What comes after the product: c = f(a W + bias) or a W + bias + residual.
struct LinearEpilogue {
  const float* bias = nullptr;  ///< [PackedColumns(out)]
  /// kNone where there is a residual.
  ActivationKind activation = ActivationKind::kNone;
  ConstMatrixView residual = {};  ///< [M, out] or empty; may be c
};

/// c[M, out] = a[M, in] W, with its epilogue.
void LinearProduct(ConstMatrixView a, const float* packed,
                   const LinearEpilogue& epilogue, MatrixView c);

/// For a few columns, where a panel would be mostly empty. `weight` [out, in].
void LinearDots(ConstMatrixView a, ConstMatrixView weight,
                const LinearEpilogue& epilogue, MatrixView c);

}  // namespace attune
