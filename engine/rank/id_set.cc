#include "engine/rank/id_set.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>

namespace attune {

IdSet::IdSet(int64_t capacity, Workspace& workspace) {
  if (capacity == 0) return;
  const size_t slots = std::bit_ceil(static_cast<size_t>(capacity) * 2);
  slots_ = workspace.Allocate<Slot>(static_cast<int64_t>(slots));
  std::fill(slots_.begin(), slots_.end(), Slot{nullptr, 0, 0});
}

IdSet::Slot& IdSet::Find(std::string_view id, size_t hash) const {
  const size_t mask = slots_.size() - 1;
  const uint32_t upper = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.data == nullptr) return slot;
    if (slot.hash == upper && std::string_view(slot.data, slot.length) == id) {
      return slot;
    }
  }
}

void IdSet::Insert(std::string_view id) {
  // A default view has no address, which is what marks a free slot.
  if (id.data() == nullptr) id = "";
  const size_t hash = std::hash<std::string_view>()(id);
  Slot& slot = Find(id, hash);
  if (slot.data != nullptr) return;
  slot = {id.data(), static_cast<uint32_t>(id.size()),
          static_cast<uint32_t>(hash >> 32)};
  ++size_;
  assert(static_cast<size_t>(size_) * 2 <= slots_.size());
}

bool IdSet::Contains(std::string_view id) const {
  if (size_ == 0) return false;
  return Find(id, std::hash<std::string_view>()(id)).data != nullptr;
}

}  // namespace attune
