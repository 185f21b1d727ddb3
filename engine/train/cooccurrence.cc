#include "engine/train/cooccurrence.h"

#include <algorithm>

namespace attune {

CooccurrenceCounter::CooccurrenceCounter(const ItemLists& lists,
                                         int32_t item_count)
    : lists_(lists), users_of_(Transpose(lists, item_count)) {}

std::span<const CooccurrenceCounter::Count> CooccurrenceCounter::Row(
    int32_t item, Scratch* scratch) const {
  scratch->counts_.resize(item_count(), 0);
  scratch->touched_.clear();
  scratch->row_.clear();
  std::vector<int32_t>& counts = scratch->counts_;
  for (int32_t user : users_of_.row(item)) {
    for (int32_t other : lists_.row(user)) {
      if (counts[other]++ == 0) scratch->touched_.push_back(other);
    }
  }
  const auto take = [&](int32_t other) {
    if (other != item) scratch->row_.push_back({other, counts[other]});
    counts[other] = 0;
  };
  if (scratch->touched_.size() > static_cast<size_t>(item_count()) / 16) {
    // Reading all counters in order is cheaper than sorting the touched ones.
    for (int32_t other = 0; other < item_count(); ++other) {
      if (counts[other] != 0) take(other);
    }
  } else {
    std::sort(scratch->touched_.begin(), scratch->touched_.end());
    for (int32_t other : scratch->touched_) take(other);
  }
  return scratch->row_;
}

}  // namespace attune
