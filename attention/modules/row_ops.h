#pragma once

#include <cstdint>
#include <span>

#include "base/rng.h"
#include "base/tensor_view.h"

// Small row-wise loops that several modules share. All views dense or strided
// by row; none allocates.
namespace attune {

/// y += x, element-wise.
void AddInto(ConstMatrixView x, MatrixView y);

/// y = x.
void CopyRows(ConstMatrixView x, MatrixView y);

/// Inverted dropout in place: zeroes with probability `rate`, scales the rest
/// by 1 / (1 - rate). mask[i] records what was kept, for DropoutBackward.
void Dropout(Rng& rng, float rate, MatrixView x, std::span<uint8_t> mask);
void DropoutBackward(float rate, std::span<const uint8_t> mask, MatrixView dx);

/// out[i] += table[rows[i]]; rows[i] < 0 adds nothing.
void GatherAdd(ConstMatrixView table, std::span<const int32_t> rows,
               MatrixView out);
/// dtable[rows[i]] += dout[i]; rows[i] < 0 skipped.
void ScatterAdd(ConstMatrixView dout, std::span<const int32_t> rows,
                MatrixView dtable);

/// Mean of table rows per bag: out[s] += mean over rows[offsets[s] ..
/// offsets[s+1]); an empty bag adds nothing.
void BagMeanAdd(ConstMatrixView table, std::span<const int32_t> rows,
                std::span<const int64_t> offsets, MatrixView out);
void BagMeanBackward(ConstMatrixView dout, std::span<const int32_t> rows,
                     std::span<const int64_t> offsets, MatrixView dtable);

/// Normalises each row to zero mean and unit variance (layer norm without gain
/// and bias), so that its length is sqrt(D): a product of two such rows over D
/// is their cosine (of the centred rows). y may be x.
void StandardizeRows(ConstMatrixView x, MatrixView y);
/// dx from dy and x, the input; dx may be dy.
void StandardizeRowsBackward(ConstMatrixView x, ConstMatrixView dy,
                             MatrixView dx);

}  // namespace attune
