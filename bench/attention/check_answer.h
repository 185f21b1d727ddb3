#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/tensor_view.h"

namespace attune {

/// Whether `actual` is `expected` to within `tolerance` of its largest element:
/// nothing wrong gets timed.
inline bool AnswersAgree(ConstMatrixView actual, ConstMatrixView expected,
                         double tolerance) {
  double largest = 0.0;
  double difference = 0.0;
  for (int64_t i = 0; i < expected.rows(); ++i) {
    for (int64_t j = 0; j < expected.cols(); ++j) {
      largest = std::max(largest, std::abs(double{expected(i, j)}));
      difference =
          std::max(difference, std::abs(double{actual(i, j)} - expected(i, j)));
    }
  }
  return difference <= tolerance * largest;
}

}  // namespace attune
