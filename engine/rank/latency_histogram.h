#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>

namespace attune {

/// Durations in nanoseconds, in buckets whose width grows with the value (the
/// layout of HdrHistogram): exact below 64 ns, then 64 buckets per power of
/// two. A percentile is the middle of its bucket, so it is off by at most
/// 1/128 (0.8%) of the true one. 18 KB, no allocation.
///
/// Every method may be called from any thread. Record() is two relaxed atomic
/// additions, without a lock. A reader beside writers counts each value either
/// wholly or not at all.
class LatencyHistogram {
 public:
  /// Longer ones (18 minutes) count as this; max_ns() still says the truth.
  static constexpr int64_t kLongestNs = (int64_t{1} << 40) - 1;

  LatencyHistogram() = default;
  LatencyHistogram(const LatencyHistogram&) = delete;
  LatencyHistogram& operator=(const LatencyHistogram&) = delete;

  /// Negative durations count as 0.
  void Record(int64_t duration_ns);

  /// Adds all that `other` has recorded. `other` may be written to meanwhile.
  void Merge(const LatencyHistogram& other);

  /// Forgets everything. Values recorded meanwhile may be lost in part.
  void Reset();

  /// One consistent reading; all 0 when nothing was recorded.
  struct Summary {
    int64_t count = 0;
    double mean_ns = 0;
    int64_t min_ns = 0;
    int64_t max_ns = 0;
    int64_t p50_ns = 0;
    int64_t p90_ns = 0;
    int64_t p95_ns = 0;
    int64_t p99_ns = 0;
    int64_t p999_ns = 0;
  };
  Summary Summarise() const;

  /// Nearest rank: the smallest value that at least `percent` of the values do
  /// not exceed. percent in [0, 100], clamped; 0 when nothing was recorded.
  int64_t Percentile(double percent) const;

  int64_t count() const;

 private:
  static constexpr int kSubBits = 6;  // 64 buckets per power of two
  static constexpr int kSub = 1 << kSubBits;
  static constexpr int kBuckets = kSub * (40 - kSubBits + 1);
  using Counts = std::array<int64_t, kBuckets>;

  static int BucketOf(int64_t value);
  static int64_t MiddleOf(int bucket);

  // Copies the buckets and returns their sum.
  int64_t Read(Counts& counts) const;
  int64_t PercentileOf(const Counts& counts, int64_t total,
                       double percent) const;
  void Widen(int64_t smallest, int64_t largest);

  std::array<std::atomic<int64_t>, kBuckets> buckets_{};
  std::atomic<int64_t> sum_{0};
  std::atomic<int64_t> min_{std::numeric_limits<int64_t>::max()};
  std::atomic<int64_t> max_{-1};
};

}  // namespace attune
