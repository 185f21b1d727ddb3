#include "attention/ops/key_value_view.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "attention/onednn/bfloat16_kernel.h"
#include "base/prefetch.h"

namespace attune {
namespace {

float FromBits(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

void CopyInto(ConstMatrixView from, MatrixView to) {
  for (int64_t r = 0; r < from.rows(); ++r) {
    std::ranges::copy(from.row_span(r), to.row(r));
  }
}

// An even number of rows, so that every row has a partner.
int64_t Rows(const KeyValueShape& shape) {
  return shape.capacity + shape.capacity % 2;
}

// Of the keys or of the values.
size_t PartBytes(const KeyValueShape& shape) {
  const size_t element =
      shape.precision == Precision::kF32 ? sizeof(float) : sizeof(uint16_t);
  const size_t bytes =
      static_cast<size_t>(Rows(shape) * shape.width()) * element;
  return (bytes + 63) / 64 * 64;
}

// One head's columns.
ConstMatrixView HeadOf(ConstMatrixView rows, const KeyValueShape& shape,
                       int64_t head) {
  return {rows.data() + head * shape.head_width,
          {rows.rows(), shape.head_width},
          rows.strides()};
}

}  // namespace

size_t KeyValueShape::Bytes() const { return 2 * PartBytes(*this); }

KeyValueView::KeyValueView(void* data, const KeyValueShape& shape)
    : shape_(shape),
      k_(data),
      v_(static_cast<std::byte*>(data) + PartBytes(shape)) {}

MatrixView KeyValueView::k(int64_t begin, int64_t count) const {
  assert(precision() == Precision::kF32 && begin + count <= shape_.capacity);
  const int64_t width = shape_.width();
  return {static_cast<float*>(k_) + begin * width, {count, width}};
}

MatrixView KeyValueView::v(int64_t begin, int64_t count) const {
  assert(precision() == Precision::kF32 && begin + count <= shape_.capacity);
  const int64_t width = shape_.width();
  return {static_cast<float*>(v_) + begin * width, {count, width}};
}

uint16_t* KeyValueView::k_bits(int64_t head) const {
  assert(precision() == Precision::kBf16);
  return static_cast<uint16_t*>(k_) + head * Rows(shape_) * shape_.head_width;
}

uint16_t* KeyValueView::v_bits(int64_t head) const {
  assert(precision() == Precision::kBf16);
  return static_cast<uint16_t*>(v_) + head * Rows(shape_) * shape_.head_width;
}

void KeyValueView::Write(int64_t begin, ConstMatrixView keys,
                         ConstMatrixView values) const {
  assert(begin + keys.rows() <= shape_.capacity);
  assert(keys.cols() == shape_.width());
  if (keys.empty()) return;
  if (precision() == Precision::kF32) {
    CopyInto(keys, k(begin, keys.rows()));
    CopyInto(values, v(begin, keys.rows()));
    return;
  }
  for (int64_t h = 0; h < shape_.heads; ++h) {
    ConvertToBfloat16(HeadOf(keys, shape_, h),
                      k_bits(h) + begin * shape_.head_width);
    WriteBfloat16Pairs(HeadOf(values, shape_, h), begin, v_bits(h));
  }
}

void KeyValueView::Prefetch(int64_t count) const {
  if (precision() == Precision::kF32) {
    const size_t bytes = sizeof(float) * count * shape_.width();
    PrefetchRun(k_, bytes);
    PrefetchRun(v_, bytes);
    return;
  }
  const int64_t rows = count + count % 2;
  const size_t bytes = sizeof(uint16_t) * rows * shape_.head_width;
  for (int64_t h = 0; h < shape_.heads; ++h) {
    PrefetchRun(k_bits(h), bytes);
    PrefetchRun(v_bits(h), bytes);
  }
}

void KeyValueView::Read(MatrixView keys, MatrixView values) const {
  const int64_t count = keys.rows();
  if (precision() == Precision::kF32) {
    CopyInto(k(0, count), keys);
    CopyInto(v(0, count), values);
    return;
  }
  const int64_t head_width = shape_.head_width;
  for (int64_t h = 0; h < shape_.heads; ++h) {
    for (int64_t j = 0; j < count; ++j) {
      const uint16_t* key = k_bits(h) + j * head_width;
      const uint16_t* pairs = v_bits(h) + j / 2 * 2 * head_width + j % 2;
      for (int64_t i = 0; i < head_width; ++i) {
        keys(j, h * head_width + i) = FromBits(key[i]);
        values(j, h * head_width + i) = FromBits(pairs[2 * i]);
      }
    }
  }
}

}  // namespace attune
