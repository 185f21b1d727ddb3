#pragma once

#include <cstdint>

#include "attention/onednn/linear_kernel.h"
#include "base/tensor_view.h"

// LinearProduct on the bfloat16 dot product of AVX-512 (VDPBF16PS), which does
// twice the work of an f32 instruction. Same guarantees: an element is the bias
// plus pairs of products in the order of the inputs.
namespace attune {

/// Whether this processor has the instructions and the kernels are not capped
/// below them. The other functions need them.
bool HasBfloat16Products();

/// Columns of a row of operands: inputs come in pairs.
inline int64_t Bfloat16Steps(int64_t in) { return in + in % 2; }

/// weight [in, out] to panels of pairs of rows. `packed` has Bfloat16Steps(in)
/// * PackedColumns(out) elements.
void PackBfloat16Weights(ConstMatrixView weight, uint16_t* packed);
void UnpackBfloat16Weights(const uint16_t* packed, MatrixView weight);

/// The rows of `a`, bfloat16: row i at data + i * stride, with zeros behind an
/// odd number of inputs.
struct Bfloat16Rows {
  const uint16_t* data;
  int64_t rows;
  int64_t stride;
  int64_t steps;  ///< Bfloat16Steps(in)
};

/// to[rows][steps] = from in bfloat16, rounded to nearest even (denormals to
/// zero, as the products take them), with a zero behind an odd row.
void ConvertToBfloat16Rows(ConstMatrixView from, uint16_t* to);

/// c[M, out] = a W, with its epilogue.
void Bfloat16Product(const Bfloat16Rows& a, const uint16_t* packed,
                     const LinearEpilogue& epilogue, MatrixView c);

}  // namespace attune
