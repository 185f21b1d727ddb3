#pragma once

#include <cstdint>

namespace attune {

/// Cuts M rows into products of a few prepared sizes, so that no primitive is
/// made per call and no product has fewer than 32 rows. A last product that
/// would be partly filled moves up instead and computes some rows twice, which
/// costs what padding costs and needs no copy.
class RowPlan {
 public:
  static constexpr int64_t kBuckets[] = {32, 64, 128, 256};
  static constexpr int kBucketCount = 4;

  /// One product: rows [begin, begin + kBuckets[bucket]); those before `fresh`
  /// were computed by an earlier one. Goes beyond M only if M < 32.
  struct Piece {
    int bucket;
    int64_t begin;
    int64_t fresh;
  };

  explicit RowPlan(int64_t rows) : rows_(rows) {}

  /// Calls body(piece) in order. Stops and returns at the first error.
  template <typename Body>
  auto ForEach(Body body) const -> decltype(body(Piece{})) {
    int64_t begin = 0;
    while (begin < rows_) {
      const Piece piece = Next(begin);
      auto status = body(piece);
      if (!status.ok()) return status;
      begin = piece.begin + kBuckets[piece.bucket];
    }
    return {};
  }

 private:
  Piece Next(int64_t begin) const {
    const int64_t left = rows_ - begin;
    int bucket = kBucketCount - 1;
    // The largest that the remaining rows, rounded up to 32, fill: 150 rows are
    // 128 + 32 and not 256.
    const int64_t rounded =
        (left + kBuckets[0] - 1) / kBuckets[0] * kBuckets[0];
    while (bucket > 0 && kBuckets[bucket] > rounded) --bucket;
    // Nothing above to move up to: two halves that overlap instead.
    if (bucket > 0 && kBuckets[bucket] > rows_) --bucket;
    const int64_t last = rows_ - kBuckets[bucket];
    const int64_t start = begin <= last || last < 0 ? begin : last;
    return {bucket, start, begin};
  }

  int64_t rows_;
};

}  // namespace attune
