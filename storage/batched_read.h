#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/family.h"
#include "storage/view.h"

namespace attune::storage {

/// Reads keys[i] of one family by sorted MultiGets and calls found(i, value)
/// for those that exist, in key order; `value` lives during the call. Keys may
/// repeat. A status other than Ok from `found` ends the read.
absl::Status BatchedRead(
    const View& view, Family family, std::span<const std::string_view> keys,
    absl::FunctionRef<absl::Status(size_t, std::string_view)> found);

}  // namespace attune::storage
