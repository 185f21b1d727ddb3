#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "plugins/c_abi/attune.h"

namespace attune::python {

// How errors become Python's: the class of attune/_errors.py that belongs to
// the code, with the message's text. All need the GIL.

/// Throws nanobind's python_error. `code` is one of attune.h, not ATTUNE_OK.
[[noreturn]] void Raise(int code, std::string_view message);
[[noreturn]] void RaiseInvalid(std::string_view message);
/// Status codes are the ABI's from 1 to 16.
void RaiseIfError(const absl::Status& status);

/// Room for the message of one ABI call. After it, Check() raises what it
/// returned.
class CallError {
 public:
  CallError();
  attune_error* get() { return &error_; }
  void Check(int code) const;
  std::string_view message() const;

 private:
  char text_[4096];
  attune_error error_ = {};
};

}  // namespace attune::python
