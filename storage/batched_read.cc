#include "storage/batched_read.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/status_translation.h"

namespace attune::storage {
namespace {

// Keys per MultiGet. RocksDB works in portions of 32; ours bounds the values
// held at a time.
constexpr size_t kBatch = 128;

}  // namespace

absl::Status BatchedRead(
    const View& view, Family family, std::span<const std::string_view> keys,
    absl::FunctionRef<absl::Status(size_t, std::string_view)> found) {
  if (keys.empty()) return absl::OkStatus();
  rocksdb::ReadOptions options;
  // A row is read once and then lives decoded in a cache of its own. Its block
  // of a dozen others would push out what is read often, and each new block's
  // memory costs more than the reading.
  options.fill_cache = family != Family::kItemVectors;
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return keys[a] < keys[b]; });
  std::array<rocksdb::Slice, kBatch> slices;
  std::array<rocksdb::PinnableSlice, kBatch> values;
  std::array<rocksdb::Status, kBatch> statuses;
  for (size_t begin = 0; begin < order.size(); begin += kBatch) {
    const size_t count = std::min(kBatch, order.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      slices[i] = ToSlice(keys[order[begin + i]]);
      values[i].Reset();
    }
    view.db().MultiGet(options, view.handle(family), count, slices.data(),
                       values.data(), statuses.data(),
                       /*sorted_input=*/true);
    for (size_t i = 0; i < count; ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) {
        return Translate(statuses[i],
                         StrCat("read ", kFamilyNames[Index(family)]));
      }
      ATTUNE_RETURN_IF_ERROR(found(order[begin + i], ToView(values[i])));
    }
  }
  return absl::OkStatus();
}

}  // namespace attune::storage
