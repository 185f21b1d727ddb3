#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/item_encoder.h"
#include "features/item_features.h"

namespace attune {

/// The encoded features of a dataset's items, by dataset index. An item's row
/// in the id table is its index; items without a training event have none (-1),
/// as their embedding would be noise.
class Catalogue {
 public:
  Catalogue(std::vector<features::ItemFeatures> items,
            std::vector<int32_t> id_rows);

  int32_t size() const { return static_cast<int32_t>(items_.size()); }
  const features::ItemFeatures& item(int32_t index) const {
    return items_[index];
  }
  int32_t id_row(int32_t index) const { return id_rows_[index]; }

  /// Appends items to a batch.
  void AddTo(std::span<const int32_t> items, ItemBatch& batch) const;

 private:
  std::vector<features::ItemFeatures> items_;
  std::vector<int32_t> id_rows_;
};

}  // namespace attune
