#include "engine/served_model.h"

#include <utility>

#include "base/status_macros.h"

namespace attune {

absl::StatusOr<std::shared_ptr<ServedModel>> ServedModel::Create(
    std::shared_ptr<const Model> model, storage::Database& database,
    size_t item_cache_bytes, CatalogueIndex::Memory index_memory) {
  std::shared_ptr<ServedModel> served(new ServedModel());
  ATTUNE_ASSIGN_OR_RETURN(served->ranker_, Ranker::Create(model));
  ATTUNE_RETURN_IF_ERROR(served->ranker_->CheckGolden());
  ATTUNE_ASSIGN_OR_RETURN(const RequestCosts costs,
                          MeasureCosts(*served->ranker_));
  served->costs_ = std::make_unique<CostModel>(costs);
  served->items_ =
      std::make_unique<ModelItems>(database, model, item_cache_bytes);
  served->index_ = std::make_unique<CatalogueIndex>(
      database, std::move(model), *served->items_, std::move(index_memory));
  return served;
}

}  // namespace attune
