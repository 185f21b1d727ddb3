#include "storage/bulk_rows.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/batched_read.h"
#include "storage/counters_merge.h"
#include "storage/history_merge.h"

namespace attune::storage {
namespace {

constexpr size_t kBlockBytes = 1 << 20;

// Keys whose present values are read, and held, at a time.
constexpr size_t kMergePortion = 4096;

template <typename Change>
std::span<const Change> TakeKey(std::span<const Change>& rest) {
  size_t count = 1;
  while (count < rest.size() && rest[count].key == rest[0].key) ++count;
  const std::span<const Change> taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

}  // namespace

std::string_view BulkRows::Keep(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > block_left_) {
    const size_t block_bytes = std::max(kBlockBytes, bytes.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes));
    block_next_ = blocks_.back().get();
    block_left_ = block_bytes;
  }
  std::memcpy(block_next_, bytes.data(), bytes.size());
  const std::string_view kept(block_next_, bytes.size());
  block_next_ += bytes.size();
  block_left_ -= bytes.size();
  return kept;
}

void BulkRows::Add(Family family, std::string_view key, std::string_view value,
                   Kind kind) {
  changes_[Index(family)].push_back({Keep(key), Keep(value), kind});
}

void BulkRows::Put(Family family, std::string_view key,
                   std::string_view value) {
  Add(family, key, value, Kind::kPut);
}

void BulkRows::Delete(Family family, std::string_view key) {
  Add(family, key, {}, Kind::kDelete);
}

void BulkRows::DeleteRange(Family /*family*/, std::string_view /*begin*/,
                           std::string_view /*end*/) {
  has_ranges_ = true;
}

void BulkRows::Merge(Family family, std::string_view key,
                     std::string_view operand) {
  Add(family, key, operand, Kind::kMerge);
}

absl::Status BulkRows::ForEachRow(const View& view, Family family,
                                  RowFunction fn) {
  std::vector<Change>& changes = changes_[Index(family)];
  // Stable: changes of one key keep their order.
  std::stable_sort(
      changes.begin(), changes.end(),
      [](const Change& a, const Change& b) { return a.key < b.key; });
  if (family == Family::kHistories || family == Family::kCounters) {
    return MergeRows(view, family, changes, fn);
  }
  std::span<const Change> rest(changes);
  while (!rest.empty()) {
    const Change& last = TakeKey(rest).back();
    ATTUNE_RETURN_IF_ERROR(
        fn(last.key, last.kind == Kind::kDelete ? nullptr : &last.value));
  }
  return absl::OkStatus();
}

namespace {

// One key's changes on top of its present value.
template <typename Merge, typename Change, typename Kind>
std::optional<std::string> Fold(std::optional<std::string_view> present,
                                std::span<const Change> changes, Kind put,
                                Kind merge_kind, bool& well_formed) {
  // Only what follows the last put or deletion counts.
  size_t first = changes.size();
  while (first > 0 && changes[first - 1].kind == merge_kind) --first;
  if (first > 0) {
    const Change& base = changes[first - 1];
    present.reset();
    if (base.kind == put) present = base.value;
  }
  if (first == changes.size()) {
    if (!present.has_value()) return std::nullopt;
    return std::string(*present);
  }
  Merge merge;
  well_formed = merge.Start(present);
  for (; well_formed && first < changes.size(); ++first) {
    well_formed = merge.Apply(changes[first].value);
  }
  return merge.Finish();
}

}  // namespace

absl::Status BulkRows::MergeRows(const View& view, Family family,
                                 const std::vector<Change>& changes,
                                 RowFunction fn) {
  std::span<const Change> rest(changes);
  std::vector<std::span<const Change>> portion;
  std::vector<std::string_view> keys;
  std::vector<std::optional<std::string>> present;
  while (!rest.empty()) {
    portion.clear();
    keys.clear();
    while (!rest.empty() && portion.size() < kMergePortion) {
      portion.push_back(TakeKey(rest));
      keys.push_back(portion.back()[0].key);
    }
    present.assign(keys.size(), std::nullopt);
    ATTUNE_RETURN_IF_ERROR(
        BatchedRead(view, family, keys, [&](size_t i, std::string_view value) {
          present[i] = value;
          return absl::OkStatus();
        }));
    for (size_t i = 0; i < keys.size(); ++i) {
      std::optional<std::string_view> base;
      if (present[i].has_value()) base = *present[i];
      bool well_formed = true;
      const std::optional<std::string> value =
          family == Family::kHistories
              ? Fold<HistoryMerge>(base, portion[i], Kind::kPut, Kind::kMerge,
                                   well_formed)
              : Fold<CountersMerge>(base, portion[i], Kind::kPut, Kind::kMerge,
                                    well_formed);
      if (!well_formed) {
        return absl::DataLossError(
            StrCat("malformed value in ", kFamilyNames[Index(family)]));
      }
      if (!value.has_value()) {
        ATTUNE_RETURN_IF_ERROR(fn(keys[i], nullptr));
        continue;
      }
      const std::string_view bytes = *value;
      ATTUNE_RETURN_IF_ERROR(fn(keys[i], &bytes));
    }
  }
  return absl::OkStatus();
}

}  // namespace attune::storage
