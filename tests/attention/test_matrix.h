#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/rng.h"
#include "base/tensor_view.h"

namespace attune {

/// A matrix for tests whose rows may lie apart; what lies between them is NaN
/// and must stay so.
class TestMatrix {
 public:
  TestMatrix(int64_t rows, int64_t cols, int64_t padding = 0)
      : rows_(rows),
        cols_(cols),
        stride_(cols + padding),
        data_(rows * stride_, std::numeric_limits<float>::quiet_NaN()) {}

  static TestMatrix Random(Rng& rng, int64_t rows, int64_t cols,
                           int64_t padding = 0, double scale = 1.0) {
    TestMatrix m(rows, cols, padding);
    for (int64_t i = 0; i < rows; ++i) {
      for (float& x : m.view().row_span(i)) {
        x = static_cast<float>(scale * rng.Normal());
      }
    }
    return m;
  }
  static TestMatrix Filled(int64_t rows, int64_t cols, float value,
                           int64_t padding = 0) {
    TestMatrix m(rows, cols, padding);
    for (int64_t i = 0; i < rows; ++i) {
      for (float& x : m.view().row_span(i)) x = value;
    }
    return m;
  }

  MatrixView view() {
    return MatrixView(data_.data(), {rows_, cols_}, {stride_, 1});
  }
  ConstMatrixView view() const {
    return ConstMatrixView(data_.data(), {rows_, cols_}, {stride_, 1});
  }

  bool padding_intact() const {
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = cols_; j < stride_; ++j) {
        const float x = data_[i * stride_ + j];
        if (x == x) return false;
      }
    }
    return true;
  }

 private:
  int64_t rows_, cols_, stride_;
  std::vector<float> data_;
};

inline std::vector<float> RandomVector(Rng& rng, int64_t size,
                                       double scale = 1.0) {
  std::vector<float> values(size);
  for (float& x : values) x = static_cast<float>(scale * rng.Normal());
  return values;
}

}  // namespace attune
