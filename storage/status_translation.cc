#include "storage/status_translation.h"

#include <string>

#include "absl/strings/match.h"
#include "base/strings.h"

namespace attune::storage {

absl::Status Translate(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  const std::string message = StrCat(what, ": ", text);
  // A background error is handed to later writes as plain text in some places,
  // without the subcode.
  if (status.IsNoSpace() ||
      status.subcode() == rocksdb::Status::SubCode::kSpaceLimit ||
      absl::StrContains(text, "No space left")) {
    return absl::ResourceExhaustedError(
        StrCat(what, ": no space left on the disk (", text, ")"));
  }
  if (absl::StrContains(text, "Permission denied") ||
      absl::StrContains(text, "Read-only file system")) {
    return absl::PermissionDeniedError(message);
  }
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsInvalidArgument()) return absl::InvalidArgumentError(message);
  if (status.IsIOError() || status.IsBusy() || status.IsTryAgain() ||
      status.IsIncomplete()) {
    return absl::UnavailableError(message);
  }
  return absl::InternalError(message);
}

}  // namespace attune::storage
