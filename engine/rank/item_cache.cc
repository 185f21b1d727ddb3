#include "engine/rank/item_cache.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"

namespace attune {
namespace {

uint64_t HashOf(std::string_view id) {
  return absl::Hash<std::string_view>()(id);
}

}  // namespace

struct ItemCache::Entry {
  uint64_t hash = 0;
  std::string id;
  std::shared_ptr<const ModelItem> item;
  bool has_counters = false;
  bool used = false;   // since the hand passed
  uint32_t place = 0;  // in the ring
  size_t bytes = 0;
  features::ItemCounters counters;
  // Of a RetiredList.
  std::unique_ptr<Entry> next;
  uint64_t left = 0;
};

// One lock; an open-addressing index of the entries, which stand in a ring.
struct alignas(64) ItemCache::Shard {
  struct Slot {
    uint64_t hash = 0;
    Entry* entry = nullptr;
  };

  mutable std::mutex mutex;
  uint64_t version = 0;
  std::vector<Slot> slots = std::vector<Slot>(16);  // a power of two
  std::vector<std::unique_ptr<Entry>> ring;
  size_t hand = 0;
  size_t bytes = 0;
  StateCacheStats counts;

  size_t Home(uint64_t hash) const { return hash & (slots.size() - 1); }

  /// The first entry of this hash, which is hardly ever another id's; does not
  /// touch its memory.
  Entry* Guess(uint64_t hash) const {
    for (size_t i = Home(hash);; i = (i + 1) & (slots.size() - 1)) {
      const Slot& slot = slots[i];
      if (slot.entry == nullptr || slot.hash == hash) return slot.entry;
    }
  }

  Entry* Find(uint64_t hash, std::string_view id) const {
    for (size_t i = Home(hash);; i = (i + 1) & (slots.size() - 1)) {
      const Slot& slot = slots[i];
      if (slot.entry == nullptr) return nullptr;
      if (slot.hash == hash && slot.entry->id == id) return slot.entry;
    }
  }

  void Link(Entry* entry) {
    if (2 * (ring.size() + 1) > slots.size()) {
      std::vector<Slot> old(2 * slots.size());
      old.swap(slots);
      for (const Slot& slot : old) {
        if (slot.entry != nullptr) Place(slot.entry);
      }
    }
    Place(entry);
  }

  void Place(Entry* entry) {
    size_t i = Home(entry->hash);
    while (slots[i].entry != nullptr) i = (i + 1) & (slots.size() - 1);
    slots[i] = {entry->hash, entry};
  }

  void Unlink(const Entry* entry) {
    const size_t mask = slots.size() - 1;
    size_t hole = Home(entry->hash);
    while (slots[hole].entry != entry) hole = (hole + 1) & mask;
    // Those behind it move up as far as their home allows.
    for (size_t i = (hole + 1) & mask; slots[i].entry != nullptr;
         i = (i + 1) & mask) {
      const size_t home = Home(slots[i].hash);
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        slots[hole] = slots[i];
        hole = i;
      }
    }
    slots[hole] = {};
  }

  // Chained before what left with it.
  void Remove(Entry* entry, std::unique_ptr<Entry>& gone) {
    Unlink(entry);
    bytes -= entry->bytes;
    const size_t place = entry->place;
    std::swap(ring[place], ring.back());
    ring[place]->place = static_cast<uint32_t>(place);
    ring.back()->next = std::move(gone);
    gone = std::move(ring.back());
    ring.pop_back();
  }

  void EvictDownTo(size_t limit, std::unique_ptr<Entry>& gone) {
    while (bytes > limit) {
      if (hand >= ring.size()) hand = 0;
      Entry& entry = *ring[hand];
      if (std::exchange(entry.used, false)) {
        ++hand;
      } else {
        Remove(&entry, gone);
        ++counts.evictions;
      }
    }
  }
};

// Hands on what leaves under a shard's lock once that is released, whatever
// happens.
struct ItemCache::Leaving {
  explicit Leaving(Retired& list) : retired(list) {}
  ~Leaving() { retired.Retire(std::move(nodes)); }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

  Retired& retired;
  std::unique_ptr<Entry> nodes;
};

ItemCache::ItemCache(size_t limit_bytes)
    : limit_bytes_(limit_bytes),
      retired_(std::make_unique<Retired>()),
      shards_(std::make_unique<Shard[]>(kShards)) {}

ItemCache::~ItemCache() = default;

ItemCache::Pin::Pin(ItemCache& cache)
    : cache_(cache), begin_(cache.retired_->Enter()) {}

ItemCache::Pin::~Pin() { cache_.retired_->Leave(begin_); }

// The upper bits, since the lower ones choose the slot.
size_t ItemCache::ShardIndex(uint64_t hash) {
  static_assert(kShards == 16);
  return hash >> 60;
}

ItemCache::Shard& ItemCache::ShardOf(uint64_t hash) {
  return shards_[ShardIndex(hash)];
}

std::span<const ItemCache::Miss> ItemCache::Get(
    std::span<const std::string_view> ids, Workspace& workspace,
    std::span<std::shared_ptr<const ModelItem>> items,
    std::span<features::ItemCounters> counters, const Pin* pin) {
  const int64_t count = static_cast<int64_t>(ids.size());
  std::span<Miss> misses = workspace.Allocate<Miss>(count);
  size_t missing = 0;
  Workspace::Scope scope(workspace);
  std::span<uint64_t> hashes = workspace.Allocate<uint64_t>(count);
  std::span<uint32_t> order = workspace.Allocate<uint32_t>(count);
  std::span<Entry*> entries = workspace.Allocate<Entry*>(count);
  // By shard, so that each is locked once.
  std::array<uint32_t, kShards + 1> begin = {};
  for (int64_t i = 0; i < count; ++i) {
    hashes[i] = HashOf(ids[i]);
    ++begin[ShardIndex(hashes[i]) + 1];
  }
  for (size_t s = 0; s < kShards; ++s) begin[s + 1] += begin[s];
  std::array<uint32_t, kShards> next = {};
  std::copy_n(begin.begin(), kShards, next.begin());
  for (int64_t i = 0; i < count; ++i) {
    order[next[ShardIndex(hashes[i])]++] = static_cast<uint32_t>(i);
  }
  for (size_t s = 0; s < kShards; ++s) {
    if (begin[s] == begin[s + 1]) continue;
    const std::span<const uint32_t> places =
        order.subspan(begin[s], begin[s + 1] - begin[s]);
    Shard& shard = shards_[s];
    const std::lock_guard lock(shard.mutex);
    for (const uint32_t place : places) {
      __builtin_prefetch(&shard.slots[shard.Home(hashes[place])]);
    }
    for (const uint32_t place : places) {
      Entry* const entry = shard.Guess(hashes[place]);
      entries[place] = entry;
      if (entry == nullptr) continue;
      __builtin_prefetch(entry);
      __builtin_prefetch(&entry->counters);
      __builtin_prefetch(&entry->counters + 1);
    }
    // Taking a share of an item is an atomic addition in the line before it,
    // which nothing overlaps: each would wait for memory alone.
    const bool shared = pin == nullptr;
    for (const uint32_t place : places) {
      Entry*& entry = entries[place];
      if (entry == nullptr) continue;
      if (entry->id != ids[place]) {
        entry = shard.Find(hashes[place], ids[place]);
        if (entry == nullptr) continue;
      }
      const ModelItem* const item = entry->item.get();
      if (shared) {
        __builtin_prefetch(reinterpret_cast<const char*>(item) - 1, 1);
      }
      __builtin_prefetch(item + 1);
    }
    for (const uint32_t place : places) {
      Entry* const entry = entries[place];
      const bool has_item = entry != nullptr;
      if (has_item) {
        // Written only where it changes: the line may be other readers' too.
        if (!entry->used) entry->used = true;
        if (shared) {
          items[place] = entry->item;
        } else {
          items[place] = {std::shared_ptr<const ModelItem>(),
                          entry->item.get()};
        }
        if (counters.empty() || entry->has_counters) {
          ++shard.counts.hits;
          if (!counters.empty()) counters[place] = entry->counters;
          continue;
        }
      } else {
        items[place] = nullptr;
      }
      ++shard.counts.misses;
      misses[missing++] = {place, has_item, shard.version};
    }
  }
  return misses.first(missing);
}

std::span<const ItemCache::Miss> ItemCache::Absent(
    std::span<const std::string_view> ids, Workspace& workspace) const {
  std::span<Miss> absent =
      workspace.Allocate<Miss>(static_cast<int64_t>(ids.size()));
  size_t count = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint64_t hash = HashOf(ids[i]);
    const Shard& shard = shards_[ShardIndex(hash)];
    const std::lock_guard lock(shard.mutex);
    if (shard.Find(hash, ids[i]) != nullptr) continue;
    absent[count++] = {static_cast<uint32_t>(i), false, shard.version};
  }
  return absent.first(count);
}

bool ItemCache::HasRoom() const {
  // Ids spread over the shards evenly up to a few percent; a shard that is full
  // lets another item go, which does no harm.
  size_t bytes = 0;
  for (const Shard& shard : std::span(shards_.get(), kShards)) {
    const std::lock_guard lock(shard.mutex);
    bytes += shard.bytes;
  }
  const size_t limit = limit_bytes_;
  return bytes < limit - limit / 16;
}

void ItemCache::Put(std::string_view id, std::shared_ptr<const ModelItem> item,
                    const features::ItemCounters* counters, uint64_t version) {
  // The allocator's share and the index's, about.
  constexpr size_t kOverheadBytes = 128;
  const uint64_t hash = HashOf(id);
  Shard& shard = ShardOf(hash);
  auto entry = std::make_unique<Entry>();
  entry->hash = hash;
  entry->id = id;
  entry->bytes = sizeof(Entry) + kOverheadBytes + item->size_bytes() +
                 (id.size() > 15 ? id.size() : 0);
  entry->item = std::move(item);
  if (counters != nullptr) {
    entry->has_counters = true;
    entry->counters = *counters;
  }
  Leaving leaving(*retired_);
  const std::lock_guard lock(shard.mutex);
  if (shard.version != version) return;
  // What long requests still hold is memory, too.
  const bool held = shard.bytes + entry->bytes > ShardLimit() &&
                    retired_->bytes() > limit_bytes_ / 8;
  if (held || entry->bytes > ShardLimit()) {
    ++shard.counts.rejections;
    return;
  }
  if (Entry* old = shard.Find(entry->hash, id); old != nullptr) {
    entry->used = old->used;
    if (counters == nullptr && old->has_counters) {
      entry->has_counters = true;
      entry->counters = old->counters;
    }
    shard.Remove(old, leaving.nodes);
  }
  shard.Link(entry.get());
  entry->place = static_cast<uint32_t>(shard.ring.size());
  shard.bytes += entry->bytes;
  shard.ring.push_back(std::move(entry));
  ++shard.counts.insertions;
  shard.EvictDownTo(ShardLimit(), leaving.nodes);
}

void ItemCache::PutCounters(std::string_view id, const ModelItem* item,
                            const features::ItemCounters& counters,
                            uint64_t version) {
  const uint64_t hash = HashOf(id);
  Shard& shard = ShardOf(hash);
  const std::lock_guard lock(shard.mutex);
  if (shard.version != version) return;
  Entry* const entry = shard.Find(hash, id);
  if (entry == nullptr || entry->item.get() != item) return;
  entry->has_counters = true;
  entry->counters = counters;
}

void ItemCache::ForgetItem(std::string_view id) {
  const uint64_t hash = HashOf(id);
  Shard& shard = ShardOf(hash);
  Leaving leaving(*retired_);
  const std::lock_guard lock(shard.mutex);
  ++shard.version;
  Entry* const entry = shard.Find(hash, id);
  if (entry != nullptr) shard.Remove(entry, leaving.nodes);
}

void ItemCache::ForgetCounters(std::string_view id) {
  const uint64_t hash = HashOf(id);
  Shard& shard = ShardOf(hash);
  const std::lock_guard lock(shard.mutex);
  ++shard.version;
  Entry* const entry = shard.Find(hash, id);
  if (entry != nullptr) entry->has_counters = false;
}

void ItemCache::Clear() {
  for (Shard& shard : std::span(shards_.get(), kShards)) {
    Leaving leaving(*retired_);
    const std::lock_guard lock(shard.mutex);
    ++shard.version;
    for (std::unique_ptr<Entry>& entry : shard.ring) {
      entry->next = std::move(leaving.nodes);
      leaving.nodes = std::move(entry);
    }
    shard.slots.assign(16, {});
    shard.ring.clear();
    shard.hand = 0;
    shard.bytes = 0;
  }
}

StateCacheStats ItemCache::stats() const {
  StateCacheStats stats;
  for (const Shard& shard : std::span(shards_.get(), kShards)) {
    const std::lock_guard lock(shard.mutex);
    stats.hits += shard.counts.hits;
    stats.misses += shard.counts.misses;
    stats.insertions += shard.counts.insertions;
    stats.evictions += shard.counts.evictions;
    stats.rejections += shard.counts.rejections;
    stats.entries += static_cast<int64_t>(shard.ring.size());
    stats.bytes += static_cast<int64_t>(shard.bytes);
  }
  return stats;
}

void ItemCache::SetLimit(size_t limit_bytes) {
  limit_bytes_ = limit_bytes;
  for (Shard& shard : std::span(shards_.get(), kShards)) {
    Leaving leaving(*retired_);
    const std::lock_guard lock(shard.mutex);
    shard.EvictDownTo(ShardLimit(), leaving.nodes);
  }
}

}  // namespace attune
