#pragma once

#include <cstdint>

#include "base/tensor_view.h"

// Rounding to bfloat16 (nearest even), bit for bit as attention/bfloat16.h.
namespace attune {

/// to[rows, cols] dense = the bfloat16 bits of from.
void ConvertToBfloat16(ConstMatrixView from, uint16_t* to);
/// Rows [begin, begin + from.rows()) of a matrix kept by pairs of rows,
/// `pairs` [rows / 2][cols][2] = from. The partner of a last even row becomes
/// 0.
void WriteBfloat16Pairs(ConstMatrixView from, int64_t begin, uint16_t* pairs);
/// to = from rounded, still as floats; the shapes are equal.
void RoundToBfloat16(ConstMatrixView from, MatrixView to);

}  // namespace attune
