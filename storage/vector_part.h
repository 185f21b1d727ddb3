#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune::storage {

// Item vectors that were made elsewhere, as files: a job writes parts, whoever
// publishes the model loads them. A part is laid out as a snapshot
// (snapshot_format.h) with the one section of item vectors, so that whatever is
// damaged is found by its hash.

/// Of one item under one model.
struct PartVector {
  std::string item_id;
  uint64_t record = 0;  ///< RecordHash of what it was made of
  std::string bytes;    ///< as WriteGroup::PutItemVectorOf takes them
};

/// The name of a part within its directory ends so.
inline constexpr std::string_view kVectorPartSuffix = ".vectors";

/// Writes a part into `directory` and returns its path. The name is a hash of
/// the content: a task that is run again, or twice, writes the same file, which
/// is complete or not there. Of several vectors of an item the last is kept.
/// Errors name the path; InvalidArgument for a bad id.
absl::StatusOr<std::string> WriteVectorPart(const std::string& directory,
                                            std::string_view model_version,
                                            std::vector<PartVector> vectors);

/// Calls `fn` for each vector of a part, in the order of ids; what it is given
/// lives during the call. What `fn` returns but Ok ends it. Errors name the
/// file: InvalidArgument where it is no part or one of another model, DataLoss
/// where it is damaged or truncated (rows before the damage were handed on).
absl::Status ReadVectorPart(
    const std::string& path, std::string_view model_version,
    absl::FunctionRef<absl::Status(std::string_view item_id, uint64_t record,
                                   std::string_view bytes)>
        fn);

/// The parts in a directory, sorted; of a file itself. NotFound where there is
/// none.
absl::StatusOr<std::vector<std::string>> ListVectorParts(
    const std::string& path);

}  // namespace attune::storage
