#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/execution_context.h"
#include "engine/train/dataset.h"
#include "features/schema.h"
#include "storage/database.h"

namespace attune {

struct LoadDatasetOptions {
  /// The tasks of impressions. Empty: every action that followed one.
  std::vector<std::string> tasks;
  /// Give every item with a record an index, events or not, so that new items
  /// can be ranked.
  bool include_catalogue = true;
};

/// Reads all events of `database`, as they are at the call's begin, into
/// memory. Which events enter the histories, as which action, and which are
/// positives, is the schema's to say, in training as in serving; an impression
/// with a result is in both lists. Only `context`'s deadline and cancel flag
/// are used. InvalidArgument for more than 32 tasks; what the database returns
/// otherwise.
absl::StatusOr<Dataset> LoadDataset(storage::Database& database,
                                    const features::Schema& schema,
                                    const LoadDatasetOptions& options,
                                    const ExecutionContext& context);

}  // namespace attune
