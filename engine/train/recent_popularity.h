#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/execution_context.h"
#include "base/parallel.h"
#include "engine/train/metrics.h"
#include "engine/train/split.h"

namespace attune {

/// How many positives an item had before a request, each counting half as much
/// with every `hours` that went by: what ranks news. Everybody's events before
/// the request count, also those behind the training part, as a service would
/// have seen them.
struct RecentPopularity {
  double hours = 0;            ///< the half-life with the best validation NDCG
  double validation_ndcg = 0;  ///< at 10, unseen
  std::vector<TargetRanks> ranks;  ///< in the order of Split::test()
};

/// Chooses among half-lives of an hour, six, a day and a week. None where a
/// case or an event of the split has no time. Only `context`'s deadline and
/// cancel flag are used. Deterministic, whatever the threads.
absl::StatusOr<std::optional<RecentPopularity>> EvaluateRecentPopularity(
    const Split& split, const ExecutionContext& context, ThreadPool& pool);

}  // namespace attune
