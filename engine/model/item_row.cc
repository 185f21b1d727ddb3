#include "engine/model/item_row.h"

#include <cstring>

#include "base/strings.h"

namespace attune {

std::string ModelItem::Serialize() const {
  const uint32_t width = static_cast<uint32_t>(x.size());
  const std::string tail = features.Serialize();
  std::string bytes(sizeof(width) + 2 * sizeof(float) * width, '\0');
  char* to = bytes.data();
  std::memcpy(to, &width, sizeof(width));
  std::memcpy(to + sizeof(width), x.data(), sizeof(float) * width);
  std::memcpy(to + sizeof(width) + sizeof(float) * width, q.data(),
              sizeof(float) * width);
  return bytes + tail;
}

absl::StatusOr<std::shared_ptr<const ModelItem>> ModelItem::Parse(
    std::string_view bytes, int width, const features::Pipeline& pipeline,
    int32_t id_row) {
  uint32_t stored = 0;
  const size_t vectors = 2 * sizeof(float) * static_cast<size_t>(width);
  if (bytes.size() < sizeof(stored) + vectors) {
    return absl::DataLossError(
        StrCat("item vector row of ", bytes.size(), " bytes is too short"));
  }
  std::memcpy(&stored, bytes.data(), sizeof(stored));
  if (stored != static_cast<uint32_t>(width)) {
    return absl::DataLossError(StrCat("item vector row has width ", stored,
                                      ", model expects ", width));
  }
  auto item = std::make_shared<ModelItem>();
  item->id_row = id_row;
  item->x.resize(width);
  item->q.resize(width);
  std::memcpy(item->x.data(), bytes.data() + sizeof(stored),
              sizeof(float) * width);
  std::memcpy(item->q.data(), bytes.data() + sizeof(stored) + vectors / 2,
              sizeof(float) * width);
  absl::Status parsed = pipeline.ParseItem(
      bytes.substr(sizeof(stored) + vectors), &item->features);
  if (!parsed.ok()) {
    return absl::DataLossError(
        StrCat("item vector row: ", ToStd(parsed.message())));
  }
  return std::shared_ptr<const ModelItem>(std::move(item));
}

}  // namespace attune
