#pragma once

#include <cstdint>
#include <string_view>

#include "proto/records.pb.h"

namespace attune::storage {

/// Names an item's record as it is stored: equal for equal bytes, different for
/// others but for one in 2^64. Stable: xxh3.
uint64_t RecordHash(const v1::Item& record);
uint64_t RecordHash(std::string_view record_bytes);

}  // namespace attune::storage
