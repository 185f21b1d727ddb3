#include "storage/row_cache.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"

namespace attune::storage {
namespace {

// Enough that threads seldom meet; fewer for a small cache, whose shards must
// hold some rows each.
constexpr size_t kMaxShards = 32;
constexpr size_t kMinShardBytes = 256 << 10;

size_t ShardCount(size_t capacity_bytes) {
  return std::clamp<size_t>(capacity_bytes / kMinShardBytes, 1, kMaxShards);
}

// The lite runtime does not tell what a message takes in memory. Short strings
// take about three times their bytes on the wire.
size_t EstimateBytes(std::string_view item_id, const ItemRow& row) {
  constexpr size_t kNodeBytes = 256;
  size_t bytes = kNodeBytes + 2 * item_id.size();
  if (row.item != nullptr) {
    bytes += sizeof(v1::Item) + 3 * row.item->ByteSizeLong();
  }
  return bytes + sizeof(v1::Counters) +
         static_cast<size_t>(row.counters.counters_size()) *
             (sizeof(v1::Counter) + 64);
}

}  // namespace

RowCache::RowCache(size_t capacity_bytes)
    : shard_capacity_bytes_(capacity_bytes / ShardCount(capacity_bytes)),
      shards_(ShardCount(capacity_bytes)) {}

RowCache::Shard& RowCache::ShardOf(std::string_view item_id) {
  return shards_[absl::Hash<std::string_view>()(item_id) % shards_.size()];
}

void RowCache::Erase(Shard& shard, std::list<Node>::iterator node) {
  shard.bytes -= node->bytes;
  shard.index.erase(node->item_id);
  shard.nodes.erase(node);
}

RowCache::Lookup RowCache::Get(std::string_view item_id,
                               std::shared_ptr<const ItemRow>& row) {
  Shard& shard = ShardOf(item_id);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(item_id);
  if (found == shard.index.end()) {
    ++shard.misses;
    return {Found::kNothing, shard.version};
  }
  const auto node = found->second;
  shard.nodes.splice(shard.nodes.begin(), shard.nodes, node);
  row = node->row;
  if (node->counters_stale) {
    ++shard.misses;
    return {Found::kRecord, shard.version};
  }
  ++shard.hits;
  return {Found::kRow, shard.version};
}

void RowCache::Insert(std::string_view item_id,
                      std::shared_ptr<const ItemRow> row, uint64_t version) {
  const size_t bytes = EstimateBytes(item_id, *row);
  if (bytes > shard_capacity_bytes_) return;
  Shard& shard = ShardOf(item_id);
  const std::lock_guard lock(shard.mutex);
  if (shard.version != version) return;
  if (const auto found = shard.index.find(item_id);
      found != shard.index.end()) {
    Erase(shard, found->second);
  }
  shard.nodes.push_front(
      {.item_id = std::string(item_id), .row = std::move(row), .bytes = bytes});
  shard.index.emplace(shard.nodes.front().item_id, shard.nodes.begin());
  shard.bytes += bytes;
  while (shard.bytes > shard_capacity_bytes_) {
    Erase(shard, std::prev(shard.nodes.end()));
  }
}

void RowCache::InvalidateRow(std::string_view item_id) {
  Shard& shard = ShardOf(item_id);
  const std::lock_guard lock(shard.mutex);
  ++shard.version;
  const auto found = shard.index.find(item_id);
  if (found != shard.index.end()) Erase(shard, found->second);
}

void RowCache::InvalidateCounters(std::string_view item_id) {
  Shard& shard = ShardOf(item_id);
  const std::lock_guard lock(shard.mutex);
  ++shard.version;
  const auto found = shard.index.find(item_id);
  if (found != shard.index.end()) found->second->counters_stale = true;
}

void RowCache::Clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    ++shard.version;
    shard.index.clear();
    shard.nodes.clear();
    shard.bytes = 0;
  }
}

RowCache::Usage RowCache::usage() const {
  Usage usage;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    usage.hits += shard.hits;
    usage.misses += shard.misses;
    usage.bytes += static_cast<int64_t>(shard.bytes);
    usage.rows += static_cast<int64_t>(shard.nodes.size());
  }
  return usage;
}

}  // namespace attune::storage
