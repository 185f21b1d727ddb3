#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "plugins/triton/triton_api.h"

namespace attune::triton {

/// Takes an error of the server over: its code and text, OK for nullptr.
absl::Status FromTriton(TRITONSERVER_Error* error);

/// An error for the server, which its receiver deletes; nullptr for OK.
/// FailedPrecondition, ResourceExhausted and DeadlineExceeded, which Triton
/// does not know, become UNAVAILABLE: the same request may pass later.
TRITONSERVER_Error* ToTriton(const absl::Status& status);

/// A line in the server's log.
void LogToTriton(TritonLogLevel level, std::string_view message);

}  // namespace attune::triton
