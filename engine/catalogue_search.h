#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/catalogue_rows.h"
#include "engine/model/scorer.h"
#include "engine/rank/filters.h"
#include "engine/retrieval_filter.h"

namespace attune {

/// What a search found.
struct Retrieved {
  std::vector<std::string> ids;  ///< best first
  FilterCounts counts;           ///< over the whole catalogue
};

/// The `count` items with the greatest match for u [D] among those that pass
/// the filter: best first, ties by id. Reads every row once, in their order;
/// memory for `count` items. The answer does not depend on where rows lie.
/// Cancelled or DeadlineExceeded by the context, asked every few thousand rows.
absl::StatusOr<Retrieved> SearchCatalogue(
    ExecutionContext& context, const CatalogueView& view, const Scorer& scorer,
    std::span<const float> user, int64_t count, const RetrievalFilter& filter);

}  // namespace attune
