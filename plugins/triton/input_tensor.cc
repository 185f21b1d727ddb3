#include "plugins/triton/input_tensor.h"

#include <simdjson.h>

#include <cstring>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

absl::Status Bad(const TensorSpec& spec, std::string_view what) {
  return absl::InvalidArgumentError(StrCat("input ", spec.name, ": ", what));
}

size_t SizeOf(TritonDataType type) {
  switch (type) {
    case kTritonBool:
      return 1;
    case kTritonInt32:
    case kTritonFp32:
      return 4;
    default:
      return 8;
  }
}

/// "[2,3]"
std::string ShapeText(const int64_t* shape, uint32_t dimensions) {
  std::string text = "[";
  for (uint32_t i = 0; i < dimensions; ++i) {
    text += StrCat(i > 0 ? "," : "", shape[i]);
  }
  return text + "]";
}

}  // namespace

absl::StatusOr<InputTensor> InputTensor::Read(TRITONBACKEND_Input* input,
                                              InputId id, bool batched) {
  const TensorSpec& spec = SpecOf(id);
  TritonDataType type = kTritonInvalidType;
  const int64_t* shape = nullptr;
  uint32_t dimensions = 0, buffers = 0;
  uint64_t size_bytes = 0;
  ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_InputProperties(
      input, nullptr, &type, &shape, &dimensions, &size_bytes, &buffers)));
  if (type != spec.type) {
    return Bad(spec, StrCat("its type must be ", ConfigTypeName(spec.type)));
  }
  InputTensor tensor;
  ATTUNE_RETURN_IF_ERROR(tensor.ReadShape(spec, shape, dimensions, batched));
  ATTUNE_RETURN_IF_ERROR(tensor.ReadBuffers(input, spec, buffers));
  if (type == kTritonBytes) {
    ATTUNE_RETURN_IF_ERROR(tensor.SplitTexts(spec));
  } else if (const uint64_t count =
                 static_cast<uint64_t>(tensor.rows_ * tensor.per_row_);
             tensor.bytes_.size() != count * SizeOf(type)) {
    return Bad(spec, StrCat(tensor.bytes_.size(), " bytes, its shape ",
                            ShapeText(shape, dimensions), " needs ",
                            count * SizeOf(type)));
  }
  return tensor;
}

absl::Status InputTensor::ReadShape(const TensorSpec& spec,
                                    const int64_t* shape, uint32_t dimensions,
                                    bool batched) {
  const uint32_t first = batched ? 1 : 0;
  const bool single = spec.dims == "[1]";
  // Values are 1 byte at least and limited by the server: no overflow below.
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  bool fits = dimensions == first + 1;
  for (uint32_t i = 0; i < dimensions && fits; ++i) {
    fits = shape[i] >= 0 && shape[i] <= kMax;
  }
  if (fits && single) fits = shape[first] == 1;
  if (!fits) {
    return Bad(spec, StrCat("its shape is ", ShapeText(shape, dimensions),
                            ", must be ", batched ? "[batch," : "[",
                            single ? "1]" : "values]"));
  }
  rows_ = batched ? shape[0] : 1;
  per_row_ = shape[first];
  return absl::OkStatus();
}

absl::Status InputTensor::ReadBuffers(TRITONBACKEND_Input* input,
                                      const TensorSpec& spec,
                                      uint32_t buffers) {
  for (uint32_t i = 0; i < buffers; ++i) {
    const void* data = nullptr;
    uint64_t size = 0;
    TritonMemoryType memory = kTritonCpu;
    int64_t memory_id = 0;
    ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_InputBuffer(
        input, i, &data, &size, &memory, &memory_id)));
    if (memory == kTritonGpu) {
      return absl::UnimplementedError(StrCat(
          "input ", spec.name, ": is in GPU memory, must be in the host's"));
    }
    const char* const begin = static_cast<const char*>(data);
    if (buffers == 1) {
      bytes_ = {begin, size};
    } else if (size > 0) {
      joined_.insert(joined_.end(), begin, begin + size);
    }
  }
  if (buffers > 1) bytes_ = {joined_.data(), joined_.size()};
  return absl::OkStatus();
}

absl::Status InputTensor::SplitTexts(const TensorSpec& spec) {
  const size_t count = static_cast<size_t>(rows_ * per_row_);
  // Each value has 4 bytes of length at least: a shape cannot make us reserve
  // more than was sent.
  if (bytes_.size() / sizeof(uint32_t) < count) {
    return Bad(spec,
               StrCat(bytes_.size(), " bytes, too few for ", count, " values"));
  }
  texts_.reserve(count);
  std::string_view rest = bytes_;
  for (size_t i = 0; i < count; ++i) {
    uint32_t length = 0;
    if (rest.size() >= sizeof(length)) {
      std::memcpy(&length, rest.data(), sizeof(length));
      rest.remove_prefix(sizeof(length));
    } else {
      return Bad(spec, StrCat("value ", i, " has no length, ", rest.size(),
                              " bytes are left"));
    }
    if (length > rest.size()) {
      return Bad(spec, StrCat("value ", i, " has length ", length, ", ",
                              rest.size(), " bytes are left"));
    }
    // protobuf would print to the server's stderr. REQUEST is a message, which
    // the engine reads.
    if (spec.name != SpecOf(InputId::kRequest).name &&
        !simdjson::validate_utf8(rest.data(), length)) {
      return Bad(spec, StrCat("value ", i, " is no UTF-8"));
    }
    texts_.push_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  if (!rest.empty()) {
    return Bad(spec,
               StrCat(rest.size(), " bytes behind its ", count, " values"));
  }
  return absl::OkStatus();
}

int64_t InputTensor::TextCount(int64_t row) const {
  int64_t count = per_row_;
  while (count > 0 && Text(row, count - 1).empty()) --count;
  return count;
}

}  // namespace attune::triton
