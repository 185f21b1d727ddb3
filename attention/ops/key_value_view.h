#pragma once

#include <cstddef>
#include <cstdint>

#include "attention/precision.h"
#include "base/tensor_view.h"

namespace attune {

/// What one layer's kept keys and values are made of.
struct KeyValueShape {
  Precision precision = Precision::kF32;
  int64_t capacity = 0;  ///< rows
  int64_t heads = 0, head_width = 0;

  int64_t width() const { return heads * head_width; }  ///< D
  /// Memory that a KeyValueView needs, a multiple of 64.
  size_t Bytes() const;
};

/// Keys and values of one layer as kept between requests, in somebody else's
/// memory. In f32: two matrices [capacity, D]. In bf16, at half the size,
/// rounded as the products would round them and laid out as the kernels read
/// them: by heads, keys [heads][capacity][head_width] and values by pairs of
/// rows [heads][capacity / 2][head_width][2]. A row can be appended in place in
/// both. Copying copies the view. Not thread-safe.
class KeyValueView {
 public:
  KeyValueView() = default;
  /// `data` holds shape.Bytes(), aligned to 64.
  KeyValueView(void* data, const KeyValueShape& shape);

  const KeyValueShape& shape() const { return shape_; }
  Precision precision() const { return shape_.precision; }

  /// Rows [begin, begin + count) in place; f32 only.
  MatrixView k(int64_t begin, int64_t count) const;
  MatrixView v(int64_t begin, int64_t count) const;
  /// A head's memory; bf16 only.
  uint16_t* k_bits(int64_t head) const;
  uint16_t* v_bits(int64_t head) const;

  /// Writes rows [begin, begin + k.rows()). What lies behind them is no longer
  /// meant to be read: the partner of a last even row becomes zero.
  void Write(int64_t begin, ConstMatrixView keys, ConstMatrixView values) const;
  /// Fetches rows [0, count) into the cache, without waiting for them.
  void Prefetch(int64_t count) const;
  /// Rows [0, keys.rows()) as f32.
  void Read(MatrixView keys, MatrixView values) const;

 private:
  KeyValueShape shape_;
  void* k_ = nullptr;
  void* v_ = nullptr;
};

}  // namespace attune
