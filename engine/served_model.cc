#include "engine/served_model.h"

#include <utility>

#include "base/status_macros.h"

namespace attune {

absl::StatusOr<std::shared_ptr<ServedModel>> ServedModel::Create(
    std::shared_ptr<const Model> model, storage::Database& database,
    size_t item_cache_bytes) {
  std::shared_ptr<ServedModel> served(new ServedModel());
  ATTUNE_ASSIGN_OR_RETURN(served->ranker_, Ranker::Create(model));
  ATTUNE_RETURN_IF_ERROR(served->ranker_->CheckGolden());
  served->items_ =
      std::make_unique<ModelItems>(database, model, item_cache_bytes);
  served->index_ = std::make_unique<CatalogueIndex>(database, std::move(model),
                                                    *served->items_);
  return served;
}

}  // namespace attune
