#include "plugins/c_abi/result_buffer.h"

#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "plugins/c_abi/struct_size.h"

namespace attune {
namespace {

absl::Status Allocate(size_t size, attune_buffer* buffer) {
  // Never NULL for a success, so that an empty result is no special case.
  void* data = std::malloc(size > 0 ? size : 1);
  if (data == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a result of ", size, " bytes"));
  }
  buffer->data = data;
  buffer->size = size;
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckResultBuffer(const attune_buffer* buffer,
                               absl::string_view name) {
  if (buffer == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is NULL"));
  }
  absl::Status status =
      CheckStructSize(buffer, buffer->struct_size, sizeof(attune_buffer),
                      sizeof(attune_buffer), name);
  if (!status.ok()) return status;
  if (buffer->data != nullptr || buffer->size != 0 || buffer->reserved != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is not empty: zero it first, free an earlier result"));
  }
  return status;
}

absl::Status FillBuffer(std::string_view text, attune_buffer* buffer) {
  absl::Status status = Allocate(text.size(), buffer);
  if (status.ok() && !text.empty()) {
    std::memcpy(buffer->data, text.data(), text.size());
  }
  return status;
}

absl::Status FillBuffer(const google::protobuf::MessageLite& message,
                        attune_buffer* buffer) {
  const size_t size = message.ByteSizeLong();
  if (size > INT_MAX) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the response has ", size, " bytes, protobuf's limit is ", INT_MAX));
  }
  absl::Status status = Allocate(size, buffer);
  if (status.ok()) {
    message.SerializeWithCachedSizesToArray(
        static_cast<uint8_t*>(buffer->data));
  }
  return status;
}

void FreeBuffer(attune_buffer* buffer) noexcept {
  if (buffer == nullptr) return;
  if (buffer->struct_size < sizeof(attune_buffer)) return;
  std::free(buffer->data);
  buffer->data = nullptr;
  buffer->size = 0;
}

}  // namespace attune
