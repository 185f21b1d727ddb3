#pragma once

#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace attune {

/// Runs `body`, which may throw as oneDNN does, and says what happened:
/// Unimplemented, ResourceExhausted or Internal with `what` in the message.
template <typename Body>
absl::Status CatchDnnl(const char* what, Body body) {
  try {
    body();
    return absl::OkStatus();
  } catch (const dnnl::error& error) {
    const std::string message =
        absl::StrCat(what, ": oneDNN: ", error.what(), " (status ",
                     static_cast<int>(error.status), ")");
    if (error.status == dnnl_unimplemented) {
      return absl::UnimplementedError(message);
    }
    if (error.status == dnnl_out_of_memory) {
      return absl::ResourceExhaustedError(message);
    }
    return absl::InternalError(message);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(what, ": out of memory"));
  }
}

}  // namespace attune
