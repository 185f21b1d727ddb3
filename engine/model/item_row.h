#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "features/item_features.h"
#include "features/item_view.h"
#include "features/pipeline.h"

namespace attune {

/// What a model keeps of one item: everything that depends on the item alone,
/// made when the item is written or the model published, only read by requests.
/// Its numbers lie right behind the object, in one run of memory that a request
/// reads from end to end; the tokens that the vector was made of are not kept.
/// Immutable, thread-safe.
struct ModelItem {
  /// What Make() copies, from any address.
  struct Parts {
    std::span<const float> x;
    std::span<const float> q;
    features::ItemView features;
    /// Row of the id table; known by whoever knows the id, not serialised.
    int32_t id_row = -1;
    bool known = true;
  };

  std::span<const float> x;  ///< [D] item vector
  std::span<const float> q;  ///< [D] normalised query projection, first block
  features::ItemView features;
  int32_t id_row = -1;
  /// False for an id without a record: a zero vector, which matches nothing.
  bool known = true;

  static std::shared_ptr<const ModelItem> Make(const Parts& parts);

  size_t size_bytes() const { return sizeof(*this) + memory_bytes; }

  /// Bytes of the item_vectors column family: width, flags, x, q, features.
  std::string Serialize() const;
  /// DataLoss where the bytes do not fit the model. `scratch` is overwritten;
  /// one for many rows saves allocations.
  static absl::StatusOr<std::shared_ptr<const ModelItem>> Parse(
      std::string_view bytes, int width, const features::Pipeline& pipeline,
      int32_t id_row, features::ItemFeatures* scratch);

  /// Bytes behind the object that the views point into.
  size_t memory_bytes = 0;
};

}  // namespace attune
