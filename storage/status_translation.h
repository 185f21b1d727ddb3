#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace attune::storage {

/// A RocksDB status as ours, with what was attempted in front: "write to
/// database "X": …". Corruption becomes DataLoss, a full disk ResourceExhausted
/// ("no space left"), NotFound and InvalidArgument keep their code, other
/// trouble with files is Unavailable, everything else Internal.
absl::Status Translate(const rocksdb::Status& status, std::string_view what);

}  // namespace attune::storage
