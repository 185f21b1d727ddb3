#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace attune {

/// Counters since construction, and what is held now.
struct StateCacheStats {
  int64_t hits = 0;
  int64_t misses = 0;
  int64_t insertions = 0;
  int64_t evictions = 0;   ///< taken out to make room
  int64_t rejections = 0;  ///< larger than the whole cache
  int64_t entries = 0;
  int64_t bytes = 0;
};

/// What StateCache<T> is without the type. See there.
class UntypedStateCache {
 public:
  using Value = std::shared_ptr<const void>;

  UntypedStateCache(size_t limit_bytes, int shards);
  ~UntypedStateCache();
  UntypedStateCache(const UntypedStateCache&) = delete;
  UntypedStateCache& operator=(const UntypedStateCache&) = delete;

  Value Get(std::string_view model, std::string_view user);
  bool Put(std::string_view model, std::string_view user, Value value,
           size_t value_bytes);
  int64_t Erase(std::string_view user);
  bool Erase(std::string_view model, std::string_view user);
  int64_t Clear(std::string_view model);
  StateCacheStats stats() const;
  size_t limit_bytes() const;
  void SetLimit(size_t limit_bytes);

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

/// Users' encoded states by (model version, user id), the least recently used
/// ones leaving when limit_bytes would be passed. Thread-safe: users are spread
/// over shards with a lock each.
///
/// An entry costs what `bytes_of` says of its value, asked once at Put(), plus
/// its key and kStateCacheEntryOverheadBytes. The sum never passes the limit,
/// not for a moment. The order of leaving is that of last use over all shards,
/// up to races; so a few huge states may fill the cache wherever they hash to.
///
/// The cache does not know whether a state still holds (same anchor, epoch):
/// whoever gets one compares. Values are shared: one that was evicted or
/// replaced lives on until its last user lets go, outside of the limit.
template <typename T>
class StateCache {
 public:
  using Pointer = std::shared_ptr<const T>;
  using BytesFunction = std::function<size_t(const T&)>;

  StateCache(size_t limit_bytes, BytesFunction bytes_of, int shards = 16)
      : bytes_of_(std::move(bytes_of)), cache_(limit_bytes, shards) {}

  /// The state, now the most recently used; null on a miss. Does not allocate.
  Pointer Get(std::string_view model, std::string_view user) {
    return std::static_pointer_cast<const T>(cache_.Get(model, user));
  }

  /// Adds or replaces. `value` must not be null. False when it is larger than
  /// the whole cache; an older state of the same key is gone even then.
  bool Put(std::string_view model, std::string_view user, Pointer value) {
    const size_t bytes = bytes_of_(*value);
    return cache_.Put(model, user, std::move(value), bytes);
  }

  /// Forgets a user's states of every model; returns how many there were.
  int64_t Erase(std::string_view user) { return cache_.Erase(user); }
  /// Forgets one state; whether there was one.
  bool Erase(std::string_view model, std::string_view user) {
    return cache_.Erase(model, user);
  }
  /// Forgets every state of a model version; returns how many there were.
  int64_t Clear(std::string_view model) { return cache_.Clear(model); }

  StateCacheStats stats() const { return cache_.stats(); }
  size_t limit_bytes() const { return cache_.limit_bytes(); }
  /// Another limit from now on; what is above it leaves.
  void SetLimit(size_t limit_bytes) { cache_.SetLimit(limit_bytes); }

 private:
  BytesFunction bytes_of_;
  UntypedStateCache cache_;
};

/// What an entry costs beside its value and the bytes of its two ids: the list
/// node, the index slot and the shared pointer's control block, rounded up.
inline constexpr size_t kStateCacheEntryOverheadBytes = 256;

}  // namespace attune
