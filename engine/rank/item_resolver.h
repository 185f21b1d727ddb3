#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "base/execution_context.h"
#include "engine/model/item_row.h"

namespace attune {

/// Where the ranker gets items' vectors and features from: the database's
/// cache, or the records that a request carries.
class ItemResolver {
 public:
  virtual ~ItemResolver() = default;
  /// items[i] is set for every id; an unknown id gets an item with a zero
  /// vector and only its key. Thread-safe.
  virtual absl::Status Resolve(
      ExecutionContext& context, std::span<const std::string_view> item_ids,
      std::span<std::shared_ptr<const ModelItem>> items) = 0;
};

}  // namespace attune
