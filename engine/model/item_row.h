#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "features/item_features.h"
#include "features/pipeline.h"

namespace attune {

/// What a model keeps of one item: everything that depends on the item alone,
/// made when the item is written or the model published, only read by requests.
struct ModelItem {
  std::vector<float> x;  ///< [D] item vector
  std::vector<float> q;  ///< [D] normalised query projection, first block
  features::ItemFeatures features;
  /// Row of the id table; set by whoever knows the id, not serialised.
  int32_t id_row = -1;
  /// False for an id without a record: a zero vector, which matches nothing.
  bool known = true;

  size_t size_bytes() const {
    return sizeof(*this) + 4 * (x.size() + q.size()) +
           4 * features.text_tokens.size() +
           4 * features.attribute_tokens.size() +
           9 * features.attribute_keys.size() + 4 * features.numeric.size() +
           8 * features.times_ms.size();
  }

  /// Bytes of the item_vectors column family: width, x, q, features.
  std::string Serialize() const;
  /// DataLoss where the bytes do not fit the model.
  static absl::StatusOr<std::shared_ptr<const ModelItem>> Parse(
      std::string_view bytes, int width, const features::Pipeline& pipeline,
      int32_t id_row);
};

}  // namespace attune
