#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "plugins/c_abi/attune.h"
#include "proto/attune.pb.h"

namespace attune {

/// InvalidArgument if the caller's buffer is NULL, of a wrong size, or not
/// empty: overwriting a result would leak it. To be asked before the work.
absl::Status CheckResultBuffer(const attune_buffer* buffer,
                               absl::string_view name);

/// Hands a copy of `text`, or the serialised message, to the caller.
/// ResourceExhausted where memory does not suffice, or protobuf's 2 GiB.
absl::Status FillBuffer(std::string_view text, attune_buffer* buffer);
absl::Status FillBuffer(const google::protobuf::MessageLite& message,
                        attune_buffer* buffer);

/// Frees what FillBuffer has put there.
void FreeBuffer(attune_buffer* buffer) noexcept;

}  // namespace attune
