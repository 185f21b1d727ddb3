#include "engine/model/item_row.h"

#include <cstring>
#include <memory>
#include <new>

#include "base/strings.h"

namespace attune {
namespace {

struct Header {
  uint32_t width = 0;
  uint32_t flags = 0;
};
constexpr uint32_t kBlank = 1;

/// Allocates a shared object with `tail_bytes` behind it, and says where they
/// begin: one run of memory, and one allocation, for both.
template <typename T>
struct TailAllocator {
  using value_type = T;
  TailAllocator(size_t bytes, std::byte** at) : tail_bytes(bytes), tail(at) {}
  template <typename U>
  TailAllocator(const TailAllocator<U>& other)  // NOLINT: as std::allocator
      : tail_bytes(other.tail_bytes), tail(other.tail) {}

  T* allocate(size_t count) {
    const size_t bytes = (count * sizeof(T) + 7) / 8 * 8;
    void* memory = ::operator new(bytes + tail_bytes, kLine);
    *tail = static_cast<std::byte*>(memory) + bytes;
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t) { ::operator delete(memory, kLine); }
  friend bool operator==(const TailAllocator&, const TailAllocator&) {
    return true;  // any gives back what another took
  }

  static constexpr std::align_val_t kLine{64};
  size_t tail_bytes;
  std::byte** tail;
};

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
    // From any address: never read as T there.
    const void* from = part.data();
    std::memcpy(to_, from, part.size_bytes());
    part = {reinterpret_cast<const T*>(to_), part.size()};
    to_ += part.size_bytes();
  }

 private:
  std::byte* to_;
};

}  // namespace

std::shared_ptr<const ModelItem> ModelItem::Make(const Parts& parts) {
  const size_t bytes = parts.x.size_bytes() + parts.q.size_bytes() +
                       parts.features.attribute_keys.size_bytes() +
                       parts.features.times_ms.size_bytes() +
                       parts.features.numeric.size_bytes() +
                       parts.features.search_keys.size_bytes() +
                       parts.features.attribute_idf.size_bytes();
  std::byte* tail = nullptr;
  auto item =
      std::allocate_shared<ModelItem>(TailAllocator<ModelItem>(bytes, &tail));
  item->memory_bytes = bytes;
  item->x = parts.x;
  item->q = parts.q;
  item->features = parts.features;
  item->id_row = parts.id_row;
  item->known = parts.known;
  features::ItemView& features = item->features;
  Packer packer(tail);
  // By falling alignment, so that each is aligned.
  packer.Pack(features.attribute_keys);
  packer.Pack(features.times_ms);
  packer.Pack(item->x);
  packer.Pack(item->q);
  packer.Pack(features.numeric);
  packer.Pack(features.search_keys);
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
  tail.search_keys.assign(features.search_keys.begin(),
                          features.search_keys.end());
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
