#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

/// Which items the training logs show together: for every row of the id table
/// its strongest neighbours, by co-occurrence and by transition (what follows
/// it). Made in training, kept in the model, read by the cross features.
/// Immutable and thread-safe.
class NeighbourIndex {
 public:
  struct Entry {
    int32_t row = 0;  ///< of the id table
    float weight = 0;
  };
  enum Kind { kCooccurrence = 0, kTransition = 1 };

  NeighbourIndex() = default;
  /// lists[kind][row]
  explicit NeighbourIndex(const std::vector<std::vector<Entry>> (&lists)[2]);

  /// Empty for a row that is out of range, -1 too.
  std::span<const Entry> Neighbours(Kind kind, int32_t row) const;

  std::string Serialize() const;
  /// DataLoss where the bytes are no index over `rows` rows.
  static absl::StatusOr<NeighbourIndex> Parse(std::string_view bytes,
                                              int64_t rows);

 private:
  struct Table {
    std::vector<int64_t> offsets = {0};
    std::vector<Entry> entries;
  };
  Table tables_[2];
};

}  // namespace attune
