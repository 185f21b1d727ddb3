#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/catalogue_index.h"
#include "engine/model_items.h"
#include "engine/rank/ranker.h"
#include "storage/database.h"

namespace attune {

/// A model bound to one database: what a request needs to be answered.
/// Thread-safe.
class ServedModel {
 public:
  /// Checks the golden requests: FailedPrecondition when they are not
  /// reproduced.
  static absl::StatusOr<std::shared_ptr<ServedModel>> Create(
      std::shared_ptr<const Model> model, storage::Database& database,
      size_t item_cache_bytes);

  const Model& model() const { return ranker_->model(); }
  const std::string& version() const { return model().version(); }
  const Ranker& ranker() const { return *ranker_; }
  ModelItems& items() { return *items_; }
  CatalogueIndex& index() { return *index_; }

 private:
  ServedModel() = default;
  std::unique_ptr<Ranker> ranker_;
  std::unique_ptr<ModelItems> items_;
  std::unique_ptr<CatalogueIndex> index_;
};

}  // namespace attune
