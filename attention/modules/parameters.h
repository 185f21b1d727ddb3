#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/tensor_view.h"

namespace attune {

/// How a parameter starts.
enum class Initializer { kZeros, kOnes, kNormal };

/// Where one named parameter lies in every buffer of its layout. A vector is a
/// matrix of one row.
struct Parameter {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t offset = 0;  ///< in floats; a multiple of 16 (64 bytes)
  Initializer initializer = Initializer::kZeros;
  float init_std = 0;
  bool decay = false;  ///< weight decay applies: matrices, not biases or norms
  int64_t size() const { return rows * cols; }
};

/// Index of a parameter in its layout.
using ParameterId = int;

/// The names and shapes of a model's parameters, in order of creation. Values,
/// gradients and optimiser moments are flat buffers of `size()` floats with
/// this layout, so that an optimiser step or a reduction is one loop.
class ParameterLayout {
 public:
  ParameterId Add(std::string name, int64_t rows, int64_t cols,
                  Initializer initializer, float init_std, bool decay);

  const Parameter& operator[](ParameterId id) const { return list_[id]; }
  const std::vector<Parameter>& list() const { return list_; }
  int64_t size() const { return size_; }

  MatrixView Matrix(ParameterId id, std::span<float> buffer) const {
    const Parameter& p = list_[id];
    return {buffer.data() + p.offset, {p.rows, p.cols}};
  }
  ConstMatrixView Matrix(ParameterId id, std::span<const float> buffer) const {
    const Parameter& p = list_[id];
    return {buffer.data() + p.offset, {p.rows, p.cols}};
  }
  std::span<float> Vector(ParameterId id, std::span<float> buffer) const {
    return buffer.subspan(list_[id].offset, list_[id].size());
  }
  std::span<const float> Vector(ParameterId id,
                                std::span<const float> buffer) const {
    return buffer.subspan(list_[id].offset, list_[id].size());
  }

  /// Fills `values` [size()] in order of creation from `rng`.
  void Initialize(Rng& rng, std::span<float> values) const;

 private:
  std::vector<Parameter> list_;
  int64_t size_ = 0;
};

}  // namespace attune
