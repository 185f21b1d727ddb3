#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "plugins/c_abi/arguments.h"
#include "plugins/c_abi/wire_check.h"

namespace attune {

/// The caller's bytes as a message, whose shape is `type`, into `message`,
/// whose memory serves again. InvalidArgument says what is wrong and where (see
/// CheckWire, kMaxInputBytes); Cancelled when the flag is set meanwhile.
template <typename Message>
absl::Status ParseMessageInto(const void* data, size_t size,
                              const WireMessage& type, CancelFlag cancelled,
                              Message* message) {
  ATTUNE_ASSIGN_OR_RETURN(
      const std::string_view bytes,
      ReadString(static_cast<const char*>(data), size, type.name));
  ATTUNE_RETURN_IF_ERROR(CheckWire(bytes, type, cancelled));
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat(type.name, ": no protobuf (", size, " bytes)"));
  }
  return absl::OkStatus();
}

/// The same as a message of its own.
template <typename Message>
absl::StatusOr<Message> ParseMessage(const void* data, size_t size,
                                     const WireMessage& type,
                                     CancelFlag cancelled = {}) {
  Message message;
  ATTUNE_RETURN_IF_ERROR(
      ParseMessageInto(data, size, type, cancelled, &message));
  return message;
}

}  // namespace attune
