#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/parallel.h"

namespace attune {

struct Neighbour {
  int32_t item = 0;
  float weight = 0;

  bool operator==(const Neighbour&) const = default;
};

/// For every item a list of weighted other items (CSR, 8 bytes an entry).
/// Immutable and thread-safe.
class NeighbourTable {
 public:
  /// Receives the rows of one chunk, in order.
  class RowSink {
   public:
    void Add(int32_t item, float weight) { entries_.push_back({item, weight}); }
    void EndRow() { ends_.push_back(static_cast<int64_t>(entries_.size())); }

   private:
    friend class NeighbourTable;
    std::vector<Neighbour> entries_;
    std::vector<int64_t> ends_;
  };

  NeighbourTable() = default;
  /// offsets [rows + 1] ascending from 0 to entries.size().
  NeighbourTable(std::vector<int64_t> offsets, std::vector<Neighbour> entries);

  /// Calls fill(begin, end, sink) for chunks that cover rows [0, rows), in
  /// parallel; fill ends every row of its chunk once. The same table for any
  /// number of threads, given that each row is.
  static NeighbourTable Build(
      int32_t rows, ThreadPool& pool,
      absl::FunctionRef<void(int32_t, int32_t, RowSink&)> fill);

  /// Entry (i, j, w) becomes (j, i, w); rows come out ascending by item.
  /// REQUIRES: items in [0, rows()).
  NeighbourTable Transposed() const;

  int32_t rows() const { return static_cast<int32_t>(offsets_.size()) - 1; }
  std::span<const Neighbour> row(int32_t item) const {
    return std::span<const Neighbour>(entries_).subspan(
        offsets_[item], offsets_[item + 1] - offsets_[item]);
  }
  std::span<const int64_t> offsets() const { return offsets_; }
  std::span<const Neighbour> entries() const { return entries_; }

  bool operator==(const NeighbourTable&) const = default;

 private:
  std::vector<int64_t> offsets_ = {0};
  std::vector<Neighbour> entries_;
};

}  // namespace attune
