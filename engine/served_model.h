#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/catalogue_index.h"
#include "engine/model_items.h"
#include "engine/rank/cost_model.h"
#include "engine/rank/ranker.h"
#include "storage/database.h"

namespace attune {

/// A model bound to one database: what a request needs to be answered.
/// Thread-safe.
class ServedModel : public std::enable_shared_from_this<ServedModel> {
 public:
  /// Checks the golden requests (FailedPrecondition when they are not
  /// reproduced) and measures what requests cost.
  static absl::StatusOr<std::shared_ptr<ServedModel>> Create(
      std::shared_ptr<const Model> model, storage::Database& database,
      size_t item_cache_bytes, CatalogueIndex::Memory index_memory);

  const Model& model() const { return ranker_->model(); }
  const std::string& version() const { return model().version(); }
  const Ranker& ranker() const { return *ranker_; }
  ModelItems& items() { return *items_; }
  CatalogueIndex& index() { return *index_; }
  /// The model and its index, without the cache of item vectors.
  size_t size_bytes() const {
    return model().size_bytes() + index_->size_bytes();
  }
  CostModel& costs() { return *costs_; }
  const CostModel& costs() const { return *costs_; }

 private:
  ServedModel() = default;
  std::unique_ptr<Ranker> ranker_;
  std::unique_ptr<ModelItems> items_;
  std::unique_ptr<CatalogueIndex> index_;
  std::unique_ptr<CostModel> costs_;
};

}  // namespace attune
