#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/cancel_flag.h"
#include "storage/snapshot_options.h"

namespace attune {

struct MakeSnapshotOptions {
  std::string database_path;
  std::string output_path;
  /// Users with their histories and events, too; without, requests bring them.
  bool histories = false;
  CancelFlag cancelled;
};

struct MadeSnapshot {
  std::string model_version;
  storage::SnapshotSummary rows;
};

/// Packs a database's current model with the items' vectors, features and
/// counters into one file that Engine::Open() takes as a database of a
/// follower: beside a live owner, as of one moment. Replaces a file that is
/// there, when all is written. Items without a vector are embedded by every
/// process that opens the file: publish the model again before.
/// FailedPrecondition where no model is published, Cancelled, and what files
/// and disk cause, naming the path.
absl::StatusOr<MadeSnapshot> MakeSnapshot(const MakeSnapshotOptions& options);

}  // namespace attune
