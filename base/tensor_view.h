#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <span>
#include <type_traits>

namespace attune {

/// A strided view of somebody else's numbers: pointer, extents, strides (in
/// elements). Never owns, never resizes; copying copies the view. The last
/// axis is always dense. Thread-safe as far as the pointed-to memory is.
template <typename T, int kRank>
class TensorView {
 public:
  static_assert(kRank >= 1);

  constexpr TensorView() = default;

  /// Dense row-major view of `extents` elements at `data`.
  constexpr TensorView(T* data, std::array<int64_t, kRank> extents)
      : data_(data), extents_(extents) {
    int64_t stride = 1;
    for (int axis = kRank - 1; axis >= 0; --axis) {
      strides_[axis] = stride;
      stride *= extents[axis];
    }
  }

  /// View with explicit strides; strides[kRank - 1] must be 1.
  constexpr TensorView(T* data, std::array<int64_t, kRank> extents,
                       std::array<int64_t, kRank> strides)
      : data_(data), extents_(extents), strides_(strides) {
    assert(strides[kRank - 1] == 1);
  }

  /// A mutable view reads as a const one.
  template <typename U>
    requires(std::is_same_v<T, const U>)
  constexpr TensorView(const TensorView<U, kRank>& other)  // NOLINT
      : data_(other.data()),
        extents_(other.extents()),
        strides_(other.strides()) {}

  constexpr T* data() const { return data_; }
  constexpr int64_t extent(int axis) const { return extents_[axis]; }
  constexpr int64_t stride(int axis) const { return strides_[axis]; }
  constexpr const std::array<int64_t, kRank>& extents() const {
    return extents_;
  }
  constexpr const std::array<int64_t, kRank>& strides() const {
    return strides_;
  }
  constexpr bool empty() const { return size() == 0; }

  /// Number of elements seen through the view.
  constexpr int64_t size() const {
    int64_t product = 1;
    for (int64_t extent : extents_) product *= extent;
    return product;
  }

  constexpr bool is_dense() const {
    int64_t stride = 1;
    for (int axis = kRank - 1; axis >= 0; --axis) {
      if (extents_[axis] != 1 && strides_[axis] != stride) return false;
      stride *= extents_[axis];
    }
    return true;
  }

  // Matrix helpers: rows() x cols(), row i as a pointer or a span.
  constexpr int64_t rows() const
    requires(kRank == 2)
  {
    return extents_[0];
  }
  constexpr int64_t cols() const
    requires(kRank == 2)
  {
    return extents_[1];
  }
  constexpr T* row(int64_t i) const
    requires(kRank == 2)
  {
    assert(i >= 0 && i < extents_[0]);
    return data_ + i * strides_[0];
  }
  constexpr std::span<T> row_span(int64_t i) const
    requires(kRank == 2)
  {
    return {row(i), static_cast<size_t>(extents_[1])};
  }
  /// Rows [begin, begin + count).
  constexpr TensorView rows_slice(int64_t begin, int64_t count) const
    requires(kRank == 2)
  {
    assert(begin >= 0 && count >= 0 && begin + count <= extents_[0]);
    return TensorView(data_ + begin * strides_[0], {count, extents_[1]},
                      strides_);
  }
  constexpr T& operator()(int64_t i, int64_t j) const
    requires(kRank == 2)
  {
    return data_[i * strides_[0] + j];
  }
  constexpr T& operator()(int64_t i) const
    requires(kRank == 1)
  {
    return data_[i];
  }

 private:
  T* data_ = nullptr;
  std::array<int64_t, kRank> extents_{};
  std::array<int64_t, kRank> strides_{};
};

using MatrixView = TensorView<float, 2>;
using ConstMatrixView = TensorView<const float, 2>;

}  // namespace attune
