#include "engine/model/item_row.h"

#include <cstring>

#include "base/strings.h"

namespace attune {
namespace {

struct Header {
  uint32_t width = 0;
  uint32_t flags = 0;
};
constexpr uint32_t kBlank = 1;

/// Copies a span to the end of what was copied before.
class Packer {
 public:
  explicit Packer(std::byte* to) : to_(to) {}
  template <typename T>
  void Pack(std::span<const T>& part) {
    if (part.empty()) {
      part = {};
      return;
    }
    std::memcpy(to_, part.data(), part.size_bytes());
    part = {reinterpret_cast<const T*>(to_), part.size()};
    to_ += part.size_bytes();
  }

 private:
  std::byte* to_;
};

}  // namespace

std::shared_ptr<const ModelItem> ModelItem::Make(const Parts& parts) {
  auto item = std::make_shared<ModelItem>();
  item->x = parts.x;
  item->q = parts.q;
  item->features = parts.features;
  item->id_row = parts.id_row;
  item->known = parts.known;
  features::ItemView& features = item->features;
  item->memory_bytes =
      item->x.size_bytes() + item->q.size_bytes() +
      features.attribute_keys.size_bytes() + features.times_ms.size_bytes() +
      features.numeric.size_bytes() + features.attribute_idf.size_bytes();
  item->memory =
      std::make_unique_for_overwrite<std::byte[]>(item->memory_bytes);
  Packer packer(item->memory.get());
  // By falling alignment, so that each is aligned.
  packer.Pack(features.attribute_keys);
  packer.Pack(features.times_ms);
  packer.Pack(item->x);
  packer.Pack(item->q);
  packer.Pack(features.numeric);
  packer.Pack(features.attribute_idf);
  return item;
}

std::string ModelItem::Serialize() const {
  features::ItemFeatures tail;
  tail.item_key = features.item_key;
  tail.attribute_keys.assign(features.attribute_keys.begin(),
                             features.attribute_keys.end());
  tail.attribute_idf.assign(features.attribute_idf.begin(),
                            features.attribute_idf.end());
  tail.numeric.assign(features.numeric.begin(), features.numeric.end());
  tail.times_ms.assign(features.times_ms.begin(), features.times_ms.end());
  tail.series_number = features.series_number;
  tail.unavailable = features.unavailable;
  const Header header = {static_cast<uint32_t>(x.size()),
                         features.blank ? kBlank : 0};
  std::string bytes(sizeof(header) + x.size_bytes() + q.size_bytes(), '\0');
  char* to = bytes.data();
  std::memcpy(to, &header, sizeof(header));
  to += sizeof(header);
  std::memcpy(to, x.data(), x.size_bytes());
  std::memcpy(to + x.size_bytes(), q.data(), q.size_bytes());
  return bytes + tail.Serialize();
}

absl::StatusOr<std::shared_ptr<const ModelItem>> ModelItem::Parse(
    std::string_view bytes, int width, const features::Pipeline& pipeline,
    int32_t id_row, features::ItemFeatures* scratch) {
  Header header;
  const size_t count = static_cast<size_t>(width);
  if (bytes.size() < sizeof(header) + 2 * sizeof(float) * count) {
    return absl::DataLossError(
        StrCat("item vector row of ", bytes.size(), " bytes is too short"));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  bytes.remove_prefix(sizeof(header));
  if (header.width != count) {
    return absl::DataLossError(StrCat("item vector row has width ",
                                      header.width, ", model expects ", width));
  }
  const std::string_view vectors = bytes.substr(0, 2 * sizeof(float) * count);
  absl::Status parsed =
      pipeline.ParseItem(bytes.substr(vectors.size()), scratch);
  if (!parsed.ok()) {
    return absl::DataLossError(
        StrCat("item vector row: ", ToStd(parsed.message())));
  }
  Parts parts;
  parts.features = *scratch;
  parts.features.blank = (header.flags & kBlank) != 0;
  parts.id_row = id_row;
  parts.x = {reinterpret_cast<const float*>(vectors.data()), count};
  parts.q = {parts.x.data() + count, count};
  return Make(parts);
}

}  // namespace attune
