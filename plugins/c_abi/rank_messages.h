#pragma once

#include <cstddef>

#include "proto/attune.pb.h"

namespace attune {

/// The request and the answer of one attune_rank, kept for the memory of their
/// parts: made anew, 500 candidates take 1,500 allocations. For a ScratchPool.
struct RankMessages {
  v1::RankRequest request;
  v1::RankResponse response;
  /// What went through them; the caller counts.
  size_t bytes = 0;

  void Reset() {
    request.Clear();
    response.Clear();
  }
  /// Each string keeps room for the longest that was ever in its place, which
  /// sums up, at most, to all that went through.
  bool worth_keeping() const {
    constexpr size_t kMostBytes = size_t{16} << 20;
    return bytes <= kMostBytes;
  }
};

}  // namespace attune
