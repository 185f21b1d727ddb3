#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/tensor_view.h"

namespace attune {

/// Every element within `tolerance` times the larger of itself and the root
/// mean square of all: sums of products err in proportion to their terms, not
/// to what is left after these cancel. Fails on NaN.
inline void ExpectClose(ConstMatrixView actual, ConstMatrixView expected,
                        double tolerance) {
  ASSERT_EQ(actual.rows(), expected.rows());
  ASSERT_EQ(actual.cols(), expected.cols());
  double square = 0.0;
  for (int64_t i = 0; i < expected.rows(); ++i) {
    for (float x : expected.row_span(i)) square += double{x} * x;
  }
  const double typical =
      std::sqrt(square / std::max<int64_t>(1, expected.size()));
  int64_t failures = 0;
  for (int64_t i = 0; i < expected.rows(); ++i) {
    for (int64_t j = 0; j < expected.cols(); ++j) {
      const double e = expected(i, j);
      const double a = actual(i, j);
      const double allowed = tolerance * std::max(std::abs(e), typical);
      if (std::abs(a - e) <= allowed) continue;
      if (++failures <= 5) {
        ADD_FAILURE() << "[" << i << ", " << j << "] is " << a << ", expected "
                      << e << " +- " << allowed;
      }
    }
  }
  EXPECT_EQ(failures, 0);
}

inline void ExpectClose(std::span<const float> actual,
                        std::span<const float> expected, double tolerance) {
  const auto row = [](std::span<const float> x) {
    return ConstMatrixView(x.data(), {1, static_cast<int64_t>(x.size())});
  };
  ExpectClose(row(actual), row(expected), tolerance);
}

/// Same bits in every element.
inline void ExpectIdentical(ConstMatrixView actual, ConstMatrixView expected) {
  ASSERT_EQ(actual.rows(), expected.rows());
  ASSERT_EQ(actual.cols(), expected.cols());
  for (int64_t i = 0; i < expected.rows(); ++i) {
    for (int64_t j = 0; j < expected.cols(); ++j) {
      ASSERT_EQ(actual(i, j), expected(i, j)) << "[" << i << ", " << j << "]";
    }
  }
}

}  // namespace attune
