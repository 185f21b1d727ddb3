#include "plugins/c_abi/error_sink.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "plugins/c_abi/struct_size.h"

namespace attune {

// The ABI's numbers are those of absl::StatusCode, so that Set() can cast.
static_assert(ATTUNE_CANCELLED ==
              static_cast<int>(absl::StatusCode::kCancelled));
static_assert(ATTUNE_INVALID_ARGUMENT ==
              static_cast<int>(absl::StatusCode::kInvalidArgument));
static_assert(ATTUNE_FAILED_PRECONDITION ==
              static_cast<int>(absl::StatusCode::kFailedPrecondition));
static_assert(ATTUNE_UNAUTHENTICATED ==
              static_cast<int>(absl::StatusCode::kUnauthenticated));

size_t Utf8Prefix(std::string_view text, size_t limit) noexcept {
  if (text.size() <= limit) return text.size();
  size_t end = limit;
  // At most three continuation bytes belong to one character; more of them in
  // a row is no UTF-8, cut anywhere.
  for (int step = 0; step < 3 && end > 0; ++step) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80) return end;
    --end;
  }
  const bool starts = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
  return starts ? end : limit;
}

ErrorSink::ErrorSink(attune_error* error) noexcept {
  if (error == nullptr) return;
  constexpr size_t kRequired = offsetof(attune_error, message_length);
  const uint32_t size = error->struct_size;
  if (size < kRequired || size > kMaxStructSize || size % sizeof(void*) != 0) {
    usable_ = false;  // its other fields cannot be trusted either
    return;
  }
  error_ = error;
  has_length_ = size >= sizeof(attune_error);
  const auto* bytes = reinterpret_cast<const unsigned char*>(error);
  for (size_t i = sizeof(attune_error); i < size; ++i) {
    if (bytes[i] != 0) usable_ = false;
  }
}

int ErrorSink::Set(int code, std::string_view message) noexcept {
  if (error_ == nullptr) return code;
  error_->code = code;
  if (has_length_) error_->message_length = message.size();
  if (error_->message != nullptr && error_->message_capacity > 0) {
    const size_t size = Utf8Prefix(message, error_->message_capacity - 1);
    if (size > 0) std::memcpy(error_->message, message.data(), size);
    error_->message[size] = '\0';
  }
  return code;
}

int ErrorSink::Set(const absl::Status& status) noexcept {
  if (status.ok()) return Set(ATTUNE_OK, {});
  const absl::string_view message = status.message();
  return Set(static_cast<int>(status.code()),
             std::string_view(message.data(), message.size()));
}

}  // namespace attune
