#include "engine/catalogue_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "engine/rank/top_k.h"

namespace attune {

void CatalogueIndex::Invalidate() {
  std::lock_guard<std::mutex> lock(mutex_);
  snapshot_ = nullptr;
}

absl::StatusOr<std::shared_ptr<const CatalogueIndex::Snapshot>>
CatalogueIndex::Current(ExecutionContext& context) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (snapshot_ != nullptr) return snapshot_;
  auto snapshot = std::make_shared<Snapshot>();
  ATTUNE_RETURN_IF_ERROR(
      database_.ForEachItem([&](const v1::Item& item) -> absl::Status {
        snapshot->ids.push_back(item.item_id());
        return absl::OkStatus();
      }));
  const int64_t width = model_->config().width;
  size_t bytes = snapshot->ids.size() * sizeof(float) * width;
  for (const std::string& id : snapshot->ids) {
    // A short string lies in the object itself.
    bytes += sizeof(id) + (id.size() > 15 ? id.capacity() + 16 : 0);
  }
  const size_t before = size_bytes_.load();
  if (bytes > before && memory_.admit) {
    ATTUNE_RETURN_IF_ERROR(memory_.admit(bytes - before));
  }
  snapshot->x.resize(snapshot->ids.size() * width);
  constexpr size_t kChunk = 1024;
  for (size_t begin = 0; begin < snapshot->ids.size(); begin += kChunk) {
    const size_t count = std::min(kChunk, snapshot->ids.size() - begin);
    std::vector<std::string_view> ids(snapshot->ids.begin() + begin,
                                      snapshot->ids.begin() + begin + count);
    std::vector<std::shared_ptr<const ModelItem>> items(count);
    ATTUNE_RETURN_IF_ERROR(items_.Resolve(context, ids, items));
    for (size_t i = 0; i < count; ++i) {
      std::copy(items[i]->x.begin(), items[i]->x.end(),
                snapshot->x.begin() + (begin + i) * width);
    }
  }
  snapshot_ = std::move(snapshot);
  size_bytes_ = bytes;
  if (memory_.resized) memory_.resized();
  return snapshot_;
}

absl::StatusOr<std::vector<std::string>> CatalogueIndex::Best(
    ExecutionContext& context, std::span<const float> user, int64_t count,
    const absl::flat_hash_set<std::string>& skip) {
  ATTUNE_ASSIGN_OR_RETURN(std::shared_ptr<const Snapshot> snapshot,
                          Current(context));
  const int64_t size = static_cast<int64_t>(snapshot->ids.size());
  Workspace::Scope scope(context.workspace);
  std::span<float> match = context.workspace.Allocate<float>(size);
  model_->scorer().Match(
      user, ConstMatrixView(snapshot->x.data(), {size, model_->config().width}),
      match);
  if (!skip.empty()) {
    for (int64_t i = 0; i < size; ++i) {
      if (skip.contains(snapshot->ids[i])) match[i] = NAN;
    }
  }
  std::vector<int32_t> best(std::min(count, size));
  // Ids are ascending, so that the smaller index is the smaller id.
  const int64_t found = TopK(
      std::span<const float>(match), [](int32_t a, int32_t b) { return a < b; },
      best);
  std::vector<std::string> ids;
  for (int64_t i = 0; i < found; ++i) ids.push_back(snapshot->ids[best[i]]);
  return ids;
}

}  // namespace attune
