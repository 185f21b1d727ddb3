#include "engine/train/neighbour_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace attune {

NeighbourTable::NeighbourTable(std::vector<int64_t> offsets,
                               std::vector<Neighbour> entries)
    : offsets_(std::move(offsets)), entries_(std::move(entries)) {
  assert(!offsets_.empty() && offsets_.front() == 0);
  assert(offsets_.back() == static_cast<int64_t>(entries_.size()));
}

NeighbourTable NeighbourTable::Build(
    int32_t rows, ThreadPool& pool,
    absl::FunctionRef<void(int32_t, int32_t, RowSink&)> fill) {
  // Small enough to balance, large enough that a chunk's scratch memory of one
  // counter per item costs less to clear than its rows cost to fill.
  const int32_t chunk = std::clamp<int32_t>(rows / 64, 16, 16384);
  const int32_t chunks = (rows + chunk - 1) / chunk;
  std::vector<RowSink> sinks(chunks);
  pool.ParallelFor(chunks, [&](int64_t c) {
    const int32_t begin = static_cast<int32_t>(c) * chunk;
    const int32_t end = std::min(rows, begin + chunk);
    fill(begin, end, sinks[c]);
    assert(static_cast<int32_t>(sinks[c].ends_.size()) == end - begin);
  });
  NeighbourTable table;
  size_t total = 0;
  for (const RowSink& sink : sinks) total += sink.entries_.size();
  table.entries_.reserve(total);
  table.offsets_.reserve(rows + 1);
  for (RowSink& sink : sinks) {
    const int64_t base = static_cast<int64_t>(table.entries_.size());
    table.entries_.insert(table.entries_.end(), sink.entries_.begin(),
                          sink.entries_.end());
    for (int64_t end : sink.ends_) table.offsets_.push_back(base + end);
    sink = {};  // the peak stays near one copy
  }
  return table;
}

NeighbourTable NeighbourTable::Transposed() const {
  NeighbourTable result;
  result.offsets_.assign(offsets_.size(), 0);
  for (const Neighbour& entry : entries_) ++result.offsets_[entry.item + 1];
  for (size_t i = 1; i < result.offsets_.size(); ++i) {
    result.offsets_[i] += result.offsets_[i - 1];
  }
  result.entries_.resize(entries_.size());
  std::vector<int64_t> next(result.offsets_.begin(), result.offsets_.end() - 1);
  for (int32_t i = 0; i < rows(); ++i) {
    for (const Neighbour& entry : row(i)) {
      result.entries_[next[entry.item]++] = {i, entry.weight};
    }
  }
  return result;
}

}  // namespace attune
