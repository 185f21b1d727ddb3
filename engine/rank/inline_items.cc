#include "engine/rank/inline_items.h"

#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "features/hash.h"

namespace attune {
namespace {

/// Records that are embedded between two looks at the clock: some two
/// milliseconds. An item's vector is the same in any company.
constexpr size_t kChunk = 64;

}  // namespace

std::shared_ptr<const ModelItem> MakeUnknownItem(const Model& model,
                                                 std::string_view item_id) {
  const std::vector<float> zeros(model.config().width, 0.0f);
  ModelItem::Parts parts;
  parts.x = zeros;
  parts.q = zeros;
  parts.features.item_key = features::ItemKey(item_id);
  parts.known = false;
  return ModelItem::Make(parts);
}

absl::StatusOr<std::unique_ptr<InlineItems>> InlineItems::Create(
    const Model& model, ExecutionContext& context,
    const v1::RankRequest& request, ItemResolver* fallback) {
  std::unique_ptr<InlineItems> inline_items(new InlineItems(model, fallback));
  std::vector<const v1::Item*> records;
  for (const v1::Item& item : request.history_items()) records.push_back(&item);
  for (const v1::Item& item : request.candidates()) records.push_back(&item);
  for (size_t begin = 0; begin < records.size(); begin += kChunk) {
    ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    const auto chunk = std::span(records).subspan(
        begin, std::min(kChunk, records.size() - begin));
    ATTUNE_ASSIGN_OR_RETURN(const auto encoded,
                            model.EncodeItems(context, chunk));
    for (size_t i = 0; i < chunk.size(); ++i) {
      inline_items->items_[chunk[i]->item_id()] = encoded[i];
    }
  }
  return inline_items;
}

absl::Status InlineItems::Resolve(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    std::span<std::shared_ptr<const ModelItem>> items) {
  std::vector<std::string_view> missing;
  std::vector<size_t> places;
  for (size_t i = 0; i < item_ids.size(); ++i) {
    auto it =
        items_.find(absl::string_view(item_ids[i].data(), item_ids[i].size()));
    if (it != items_.end()) {
      items[i] = it->second;
    } else if (fallback_ == nullptr) {
      items[i] = MakeUnknownItem(model_, item_ids[i]);
    } else {
      missing.push_back(item_ids[i]);
      places.push_back(i);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  std::vector<std::shared_ptr<const ModelItem>> found(missing.size());
  ATTUNE_RETURN_IF_ERROR(fallback_->Resolve(context, missing, found));
  for (size_t i = 0; i < places.size(); ++i) items[places[i]] = found[i];
  return absl::OkStatus();
}

}  // namespace attune
