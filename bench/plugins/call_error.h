#pragma once

#include <array>

#include "absl/status/status.h"
#include "plugins/c_abi/attune.h"

namespace attune {

/// The message buffer of one call of the C interface.
class CallError {
 public:
  CallError() {
    error_.struct_size = sizeof(error_);
    error_.message = text_.data();
    error_.message_capacity = text_.size();
  }
  CallError(const CallError&) = delete;
  CallError& operator=(const CallError&) = delete;

  attune_error* get() { return &error_; }
  /// The codes of attune_code below 100 are Abseil's.
  absl::Status ToStatus(int code) const {
    if (code == ATTUNE_OK) return absl::OkStatus();
    return absl::Status(code < 100 ? static_cast<absl::StatusCode>(code)
                                   : absl::StatusCode::kInternal,
                        text_.data());
  }

 private:
  std::array<char, 512> text_{};
  attune_error error_{};
};

}  // namespace attune
