#include "engine/catalogue_search.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/status_macros.h"

namespace attune {
namespace {

constexpr int64_t kBlockRows = CatalogueBlock::kRows;
/// Between two looks at the clock: a tenth of a millisecond of work.
constexpr size_t kBlocksPerLook = 16;

struct Found {
  float match;
  const std::string* id;
};

bool Better(const Found& a, const Found& b) {
  return a.match != b.match ? a.match > b.match : *a.id < *b.id;
}

}  // namespace

absl::StatusOr<Retrieved> SearchCatalogue(
    ExecutionContext& context, const CatalogueView& view, const Scorer& scorer,
    std::span<const float> user, int64_t count, const RetrievalFilter& filter) {
  const int64_t width = scorer.config().width;
  Retrieved retrieved;
  // A heap whose root is the worst of the best so far.
  std::vector<Found> best;
  best.reserve(std::min(count, view.rows));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written whole
  std::array<float, kBlockRows> match;
  for (size_t b = 0; b < view.blocks.size(); ++b) {
    if (b % kBlocksPerLook == 0) {
      ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    }
    const CatalogueBlock& block = *view.blocks[b];
    scorer.Match(user, ConstMatrixView(block.x.data(), {block.rows, width}),
                 std::span(match).first(block.rows));
    for (int64_t row = 0; row < block.rows; ++row) {
      int64_t FilterCounts::* const rule = filter.Judge(block, row);
      ++(retrieved.counts.*rule);
      if (rule != &FilterCounts::kept || std::isnan(match[row])) continue;
      const Found found = {match[row], &block.ids[row]};
      if (static_cast<int64_t>(best.size()) < count) {
        best.push_back(found);
        std::push_heap(best.begin(), best.end(), Better);
      } else if (count > 0 && Better(found, best.front())) {
        std::pop_heap(best.begin(), best.end(), Better);
        best.back() = found;
        std::push_heap(best.begin(), best.end(), Better);
      }
    }
  }
  std::sort_heap(best.begin(), best.end(), Better);
  retrieved.ids.reserve(best.size());
  for (const Found& found : best) retrieved.ids.push_back(*found.id);
  return retrieved;
}

}  // namespace attune
