#include "engine/train/catalogue.h"

#include <utility>

namespace attune {

Catalogue::Catalogue(std::vector<features::ItemFeatures> items,
                     std::vector<int32_t> id_rows)
    : items_(std::move(items)), id_rows_(std::move(id_rows)) {}

void Catalogue::AddTo(std::span<const int32_t> items, ItemBatch& batch) const {
  for (int32_t item : items) {
    batch.Add(id_rows_[item], items_[item].text_tokens,
              items_[item].attribute_tokens);
  }
}

}  // namespace attune
