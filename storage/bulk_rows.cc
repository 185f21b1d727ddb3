#include "storage/bulk_rows.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>

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

using Row = BulkRows::Row;
using Kind = BulkRows::Kind;

std::span<const Row> TakeKey(std::span<const Row>& rest) {
  size_t count = 1;
  while (count < rest.size() && rest[count].key == rest[0].key) ++count;
  const std::span<const Row> taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

// One key's changes, folded: what is left, with its bytes in `buffer` unless
// they are those of the last change.
struct Folded {
  Row row;
  bool well_formed = true;
};

template <typename Merge>
Folded Fold(std::optional<std::string_view> present,
            std::span<const Row> changes, std::string& buffer) {
  // Only what follows the last put or deletion counts.
  size_t first = changes.size();
  while (first > 0 && changes[first - 1].kind == Kind::kMerge) --first;
  if (first == changes.size()) return {changes.back(), true};
  Folded folded;
  folded.row.key = changes[0].key;
  buffer.clear();
  if (first == 0 && !present.has_value()) {
    for (const Row& change : changes) buffer.append(change.value);
    folded.row.kind = Kind::kMerge;
  } else {
    if (first > 0) {
      const Row& base = changes[first - 1];
      present.reset();
      if (base.kind == Kind::kPut) present = base.value;
    }
    Merge merge;
    folded.well_formed = merge.Start(present);
    for (; folded.well_formed && first < changes.size(); ++first) {
      folded.well_formed = merge.Apply(changes[first].value);
    }
    buffer = merge.Finish();
  }
  folded.row.value = buffer;
  return folded;
}

absl::Status Malformed(Family family) {
  return absl::DataLossError(
      StrCat("malformed value in ", kFamilyNames[Index(family)]));
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

absl::Status BulkRows::ForEachRow(
    const View& view, Family family,
    absl::FunctionRef<absl::Status(const Row&)> fn) {
  std::vector<Row>& changes = changes_[Index(family)];
  // Stable: changes of one key keep their order.
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Row& a, const Row& b) { return a.key < b.key; });
  if (family == Family::kCounters) return MergeCounters(view, fn);
  std::span<const Row> rest(changes);
  std::string buffer;
  while (!rest.empty()) {
    // Other families than histories have no merges; the last change wins.
    const Folded folded =
        Fold<HistoryMerge>(std::nullopt, TakeKey(rest), buffer);
    if (!folded.well_formed) return Malformed(family);
    ATTUNE_RETURN_IF_ERROR(fn(folded.row));
  }
  return absl::OkStatus();
}

absl::Status BulkRows::MergeCounters(
    const View& view, absl::FunctionRef<absl::Status(const Row&)> fn) {
  std::span<const Row> rest(changes_[Index(Family::kCounters)]);
  std::vector<std::span<const Row>> portion;
  std::vector<std::string_view> keys;
  std::vector<std::string> present;  // empty: no counters yet
  std::string buffer;
  while (!rest.empty()) {
    portion.clear();
    keys.clear();
    while (!rest.empty() && portion.size() < kMergePortion) {
      portion.push_back(TakeKey(rest));
      keys.push_back(portion.back()[0].key);
    }
    present.assign(keys.size(), std::string());
    ATTUNE_RETURN_IF_ERROR(BatchedRead(view, Family::kCounters, keys,
                                       [&](size_t i, std::string_view value) {
                                         present[i] = value;
                                         return absl::OkStatus();
                                       }));
    for (size_t i = 0; i < keys.size(); ++i) {
      const Folded folded = Fold<CountersMerge>(present[i], portion[i], buffer);
      if (!folded.well_formed) return Malformed(Family::kCounters);
      ATTUNE_RETURN_IF_ERROR(fn(folded.row));
    }
  }
  return absl::OkStatus();
}

}  // namespace attune::storage
