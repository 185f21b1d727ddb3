#include "plugins/triton/triton_status.h"

#include <string>

#include "base/strings.h"

namespace attune::triton {
namespace {

absl::StatusCode CodeOf(TritonErrorCode code) {
  switch (code) {
    case kTritonUnknown:
      return absl::StatusCode::kUnknown;
    case kTritonInternal:
      return absl::StatusCode::kInternal;
    case kTritonNotFound:
      return absl::StatusCode::kNotFound;
    case kTritonInvalidArgument:
      return absl::StatusCode::kInvalidArgument;
    case kTritonUnavailable:
      return absl::StatusCode::kUnavailable;
    case kTritonUnsupported:
      return absl::StatusCode::kUnimplemented;
    case kTritonAlreadyExists:
      return absl::StatusCode::kAlreadyExists;
    case kTritonCancelled:
      return absl::StatusCode::kCancelled;
  }
  return absl::StatusCode::kUnknown;
}

TritonErrorCode TritonCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
      return kTritonCancelled;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kTritonInvalidArgument;
    case absl::StatusCode::kNotFound:
      return kTritonNotFound;
    case absl::StatusCode::kAlreadyExists:
      return kTritonAlreadyExists;
    case absl::StatusCode::kUnimplemented:
      return kTritonUnsupported;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnavailable:
      return kTritonUnavailable;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return kTritonInternal;
    default:
      return kTritonUnknown;
  }
}

}  // namespace

absl::Status FromTriton(TRITONSERVER_Error* error) {
  if (error == nullptr) return absl::OkStatus();
  absl::Status status(CodeOf(TRITONSERVER_ErrorCode(error)),
                      TRITONSERVER_ErrorMessage(error));
  TRITONSERVER_ErrorDelete(error);
  return status;
}

TRITONSERVER_Error* ToTriton(const absl::Status& status) {
  if (status.ok()) return nullptr;
  const std::string message = StrCat("attune: ", ToStd(status.message()));
  return TRITONSERVER_ErrorNew(TritonCodeOf(status.code()), message.c_str());
}

void LogToTriton(TritonLogLevel level, std::string_view message) {
  const std::string text = StrCat("attune: ", message);
  TRITONSERVER_Error* error =
      TRITONSERVER_LogMessage(level, "attune", 0, text.c_str());
  // A log that cannot be written has nowhere to say so.
  if (error != nullptr) TRITONSERVER_ErrorDelete(error);
}

}  // namespace attune::triton
