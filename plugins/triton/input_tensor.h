#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "plugins/triton/tensor_table.h"

namespace attune::triton {

/// One input of one request: `rows` rows of `per_row` values each. Its bytes
/// are the server's where they lie in one piece; they live as long as the
/// request.
class InputTensor {
 public:
  /// InvalidArgument where type, shape and size do not fit each other or the
  /// input's spec.
  static absl::StatusOr<InputTensor> Read(TRITONBACKEND_Input* input,
                                          InputId id, bool batched);

  InputTensor(InputTensor&&) = default;
  InputTensor& operator=(InputTensor&&) = default;
  // A copy's views would be the original's.
  InputTensor(const InputTensor&) = delete;
  InputTensor& operator=(const InputTensor&) = delete;

  int64_t rows() const { return rows_; }
  int64_t per_row() const { return per_row_; }

  /// A BYTES tensor's value.
  std::string_view Text(int64_t row, int64_t column) const {
    return texts_[static_cast<size_t>(row * per_row_ + column)];
  }
  /// A number of another tensor.
  template <typename T>
  T Number(int64_t row, int64_t column) const {
    T value;
    // The server promises no alignment.
    __builtin_memcpy(&value,
                     bytes_.data() + (row * per_row_ + column) * sizeof(T),
                     sizeof(T));
    return value;
  }
  /// Values of a BYTES row up to its padding: empty ones at the end, which a
  /// batch needs where its lists are of different lengths.
  int64_t TextCount(int64_t row) const;

 private:
  InputTensor() = default;
  absl::Status ReadShape(const TensorSpec& spec, const int64_t* shape,
                         uint32_t dimensions, bool batched);
  absl::Status ReadBuffers(TRITONBACKEND_Input* input, const TensorSpec& spec,
                           uint32_t buffers);
  absl::Status SplitTexts(const TensorSpec& spec);

  int64_t rows_ = 1;
  int64_t per_row_ = 0;
  std::vector<char> joined_;  // where the server has it in several pieces
  std::string_view bytes_;
  std::vector<std::string_view> texts_;
};

}  // namespace attune::triton
