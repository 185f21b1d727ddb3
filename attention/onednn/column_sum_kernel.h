#pragma once

#include <span>

#include "base/tensor_view.h"

namespace attune {

/// sums[c] += sum over the rows of matrix[r, c]; sums.size() == cols.
void AddColumnSums(ConstMatrixView matrix, std::span<float> sums);

}  // namespace attune
