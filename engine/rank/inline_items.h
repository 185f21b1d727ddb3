#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/rank/item_resolver.h"
#include "proto/attune.pb.h"

namespace attune {

/// An item that nobody knows: zero vector, only its key for the cross features.
std::shared_ptr<const ModelItem> MakeUnknownItem(const Model& model,
                                                 std::string_view item_id);

/// Items whose records a request carries; others come from `fallback`, or are
/// unknown where it is null. Encoded once per request, never stored.
class InlineItems final : public ItemResolver {
 public:
  /// Encodes them in parts: Cancelled or DeadlineExceeded by the context.
  static absl::StatusOr<std::unique_ptr<InlineItems>> Create(
      const Model& model, ExecutionContext& context,
      const v1::RankRequest& request, ItemResolver* fallback = nullptr);

  absl::Status Resolve(
      ExecutionContext& context, std::span<const std::string_view> item_ids,
      std::span<std::shared_ptr<const ModelItem>> items) override;

 private:
  InlineItems(const Model& model, ItemResolver* fallback)
      : model_(model), fallback_(fallback) {}
  const Model& model_;
  ItemResolver* fallback_;
  absl::flat_hash_map<std::string, std::shared_ptr<const ModelItem>> items_;
};

}  // namespace attune
