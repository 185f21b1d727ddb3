#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/tensor_view.h"

namespace attune {

/// A dense random matrix that owns its numbers.
class BenchMatrix {
 public:
  BenchMatrix(int64_t rows, int64_t cols, uint64_t seed = 1)
      : rows_(rows), cols_(cols), data_(rows * cols) {
    Rng rng(seed);
    for (float& x : data_) x = static_cast<float>(rng.Normal());
  }

  MatrixView view() { return MatrixView(data_.data(), {rows_, cols_}); }
  ConstMatrixView view() const {
    return ConstMatrixView(data_.data(), {rows_, cols_});
  }

 private:
  int64_t rows_, cols_;
  std::vector<float> data_;
};

}  // namespace attune
