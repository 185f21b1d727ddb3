#include "engine/rank/state_cache.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <limits>
#include <list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace attune {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

}  // namespace

struct UntypedStateCache::Core {
  struct Entry {
    std::string model;
    std::string user;
    Value value;
    size_t bytes;
    uint64_t used;  // tick of the last use
    // The same user's next state, of another model: there are one or two, so
    // that a chain does for an index, and Erase(user) needs no search.
    Entry* next;
    std::list<Entry>::iterator self;
  };
  using Entries = std::list<Entry>;

  // All states of a user lie in one shard.
  struct alignas(64) Shard {
    std::mutex mutex;
    Entries entries;  // most recently used first
    // Keys are views into the first entry of the chain.
    absl::flat_hash_map<std::string_view, Entry*, std::hash<std::string_view>,
                        std::equal_to<>>
        users;
    // Tick of the last entry, kNever when empty: lets an eviction find the
    // oldest of all shards without taking their locks.
    std::atomic<uint64_t> oldest{kNever};
  };

  Core(size_t limit, int shard_count)
      : limit_bytes(limit),
        shards(static_cast<size_t>(std::max(1, shard_count))) {}

  Shard& ShardOf(std::string_view user) {
    return shards[std::hash<std::string_view>()(user) % shards.size()];
  }

  static Entry* FindEntry(Shard& shard, std::string_view model,
                          std::string_view user) {
    const auto found = shard.users.find(user);
    if (found == shard.users.end()) return nullptr;
    Entry* entry = found->second;
    while (entry != nullptr && entry->model != model) entry = entry->next;
    return entry;
  }

  static void NoteOldest(Shard& shard) {
    shard.oldest.store(
        shard.entries.empty() ? kNever : shard.entries.back().used, kRelaxed);
  }

  void Link(Shard& shard, Entry* entry) {
    const auto [found, added] = shard.users.try_emplace(entry->user, entry);
    if (!added) {
      entry->next = found->second->next;
      found->second->next = entry;
    }
  }

  static void Unlink(Shard& shard, Entry* entry) {
    const auto found = shard.users.find(entry->user);
    if (found->second != entry) {
      Entry* before = found->second;
      while (before->next != entry) before = before->next;
      before->next = entry->next;
      return;
    }
    Entry* const next = entry->next;
    shard.users.erase(found);
    if (next != nullptr) shard.users.try_emplace(next->user, next);
  }

  // Moves an entry out of the shard. The shard's lock is held; the entry dies
  // with the caller's list, after the lock, since freeing a state takes time.
  void TakeOut(Shard& shard, Entry* entry, Entries& out) {
    Unlink(shard, entry);
    used_bytes.fetch_sub(entry->bytes, std::memory_order_acq_rel);
    entry_count.fetch_sub(1, kRelaxed);
    out.splice(out.end(), shard.entries, entry->self);
  }

  // Evicts the entry that was not used for longest. False when there is none.
  bool EvictOldest() {
    while (true) {
      Shard* shard = nullptr;
      uint64_t oldest = kNever;
      for (Shard& s : shards) {
        const uint64_t used = s.oldest.load(kRelaxed);
        if (used < oldest) {
          oldest = used;
          shard = &s;
        }
      }
      if (shard == nullptr) return false;
      Entries out;
      {
        std::lock_guard lock(shard->mutex);
        if (shard->entries.empty()) continue;  // another thread was faster
        TakeOut(*shard, &shard->entries.back(), out);
        NoteOldest(*shard);
      }
      evictions.fetch_add(1, kRelaxed);
      return true;
    }
  }

  // Takes `bytes` out of the limit if they are free.
  bool TryReserve(size_t bytes) {
    const size_t limit = limit_bytes.load(kRelaxed);
    if (bytes > limit) return false;
    size_t used = used_bytes.load(kRelaxed);
    while (used <= limit - bytes) {
      if (used_bytes.compare_exchange_weak(used, used + bytes,
                                           std::memory_order_acq_rel)) {
        return true;
      }
    }
    return false;
  }

  // The same, evicting until they are. False when they do not even fit alone,
  // or other threads hold the room in entries that they are about to insert.
  bool Reserve(size_t bytes) {
    if (bytes > limit_bytes.load(kRelaxed)) return false;
    while (!TryReserve(bytes)) {
      if (!EvictOldest()) return false;
    }
    return true;
  }

  std::atomic<size_t> limit_bytes;
  std::vector<Shard> shards;
  std::atomic<uint64_t> clock{0};
  std::atomic<size_t> used_bytes{0};
  std::atomic<int64_t> entry_count{0};
  std::atomic<int64_t> hits{0};
  std::atomic<int64_t> misses{0};
  std::atomic<int64_t> insertions{0};
  std::atomic<int64_t> evictions{0};
  std::atomic<int64_t> rejections{0};
};

UntypedStateCache::UntypedStateCache(size_t limit_bytes, int shards)
    : core_(std::make_unique<Core>(limit_bytes, shards)) {}

UntypedStateCache::~UntypedStateCache() = default;

UntypedStateCache::Value UntypedStateCache::Get(std::string_view model,
                                                std::string_view user) {
  Core::Shard& shard = core_->ShardOf(user);
  std::lock_guard lock(shard.mutex);
  Core::Entry* entry = Core::FindEntry(shard, model, user);
  if (entry == nullptr) {
    core_->misses.fetch_add(1, kRelaxed);
    return nullptr;
  }
  core_->hits.fetch_add(1, kRelaxed);
  entry->used = core_->clock.fetch_add(1, kRelaxed);
  shard.entries.splice(shard.entries.begin(), shard.entries, entry->self);
  Core::NoteOldest(shard);
  return entry->value;
}

bool UntypedStateCache::Put(std::string_view model, std::string_view user,
                            Value value, size_t value_bytes) {
  assert(value != nullptr);
  const size_t bytes =
      value_bytes + model.size() + user.size() + kStateCacheEntryOverheadBytes;
  if (!core_->TryReserve(bytes)) {
    // An older state of this key is the first that should make room.
    Erase(model, user);
    if (!core_->Reserve(bytes)) {
      core_->rejections.fetch_add(1, kRelaxed);
      return false;
    }
  }
  Core::Entries added;
  added.push_front({std::string(model),
                    std::string(user),
                    std::move(value),
                    bytes,
                    core_->clock.fetch_add(1, kRelaxed),
                    nullptr,
                    {}});
  added.front().self = added.begin();

  Core::Shard& shard = core_->ShardOf(user);
  Core::Entries replaced;
  {
    std::lock_guard lock(shard.mutex);
    Core::Entry* old = Core::FindEntry(shard, model, user);
    if (old != nullptr) core_->TakeOut(shard, old, replaced);
    shard.entries.splice(shard.entries.begin(), added);
    core_->Link(shard, &shard.entries.front());
    core_->entry_count.fetch_add(1, kRelaxed);
    Core::NoteOldest(shard);
  }
  core_->insertions.fetch_add(1, kRelaxed);
  return true;
}

bool UntypedStateCache::Erase(std::string_view model, std::string_view user) {
  Core::Shard& shard = core_->ShardOf(user);
  Core::Entries out;
  std::lock_guard lock(shard.mutex);
  Core::Entry* entry = Core::FindEntry(shard, model, user);
  if (entry == nullptr) return false;
  core_->TakeOut(shard, entry, out);
  Core::NoteOldest(shard);
  return true;
}

int64_t UntypedStateCache::Erase(std::string_view user) {
  Core::Shard& shard = core_->ShardOf(user);
  Core::Entries out;
  std::unique_lock lock(shard.mutex);
  const auto found = shard.users.find(user);
  Core::Entry* entry = found == shard.users.end() ? nullptr : found->second;
  while (entry != nullptr) {
    Core::Entry* const next = entry->next;
    core_->TakeOut(shard, entry, out);
    entry = next;
  }
  Core::NoteOldest(shard);
  lock.unlock();
  return static_cast<int64_t>(out.size());
}

int64_t UntypedStateCache::Clear(std::string_view model) {
  int64_t cleared = 0;
  for (Core::Shard& shard : core_->shards) {
    Core::Entries out;
    std::unique_lock lock(shard.mutex);
    for (auto it = shard.entries.begin(); it != shard.entries.end();) {
      Core::Entry* const entry = &*it++;
      if (entry->model == model) core_->TakeOut(shard, entry, out);
    }
    Core::NoteOldest(shard);
    lock.unlock();
    cleared += static_cast<int64_t>(out.size());
  }
  return cleared;
}

StateCacheStats UntypedStateCache::stats() const {
  StateCacheStats stats;
  stats.hits = core_->hits.load(kRelaxed);
  stats.misses = core_->misses.load(kRelaxed);
  stats.insertions = core_->insertions.load(kRelaxed);
  stats.evictions = core_->evictions.load(kRelaxed);
  stats.rejections = core_->rejections.load(kRelaxed);
  stats.entries = core_->entry_count.load(kRelaxed);
  stats.bytes = static_cast<int64_t>(core_->used_bytes.load(kRelaxed));
  return stats;
}

size_t UntypedStateCache::limit_bytes() const {
  return core_->limit_bytes.load(kRelaxed);
}

void UntypedStateCache::SetLimit(size_t limit_bytes) {
  core_->limit_bytes.store(limit_bytes, kRelaxed);
  while (core_->used_bytes.load(kRelaxed) > limit_bytes) {
    if (!core_->EvictOldest()) return;
  }
}

}  // namespace attune
