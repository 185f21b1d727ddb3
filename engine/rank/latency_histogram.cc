#include "engine/rank/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace attune {
namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}  // namespace

// Values below 64 have a bucket each. Above, the highest seven bits choose it:
// the power of two, and the six bits after it.
int LatencyHistogram::BucketOf(int64_t value) {
  if (value < kSub) return static_cast<int>(value);
  const int shift = std::bit_width(static_cast<uint64_t>(value)) - 1 - kSubBits;
  return (shift + 1) * kSub + static_cast<int>((value >> shift) - kSub);
}

int64_t LatencyHistogram::MiddleOf(int bucket) {
  if (bucket < kSub) return bucket;
  const int shift = bucket / kSub - 1;
  const int64_t lowest = static_cast<int64_t>(bucket % kSub + kSub) << shift;
  return lowest + ((int64_t{1} << shift) >> 1);
}

void LatencyHistogram::Record(int64_t duration_ns) {
  const int64_t value = std::max<int64_t>(duration_ns, 0);
  // The extremes first: whoever sees the count also finds them widened, save
  // for the compiler's and processor's freedom, which costs a clamp at most.
  Widen(value, value);
  sum_.fetch_add(value, kRelaxed);
  buckets_[BucketOf(std::min(value, kLongestNs))].fetch_add(1, kRelaxed);
}

void LatencyHistogram::Widen(int64_t smallest, int64_t largest) {
  int64_t seen = min_.load(kRelaxed);
  while (smallest < seen &&
         !min_.compare_exchange_weak(seen, smallest, kRelaxed)) {
  }
  seen = max_.load(kRelaxed);
  while (largest > seen &&
         !max_.compare_exchange_weak(seen, largest, kRelaxed)) {
  }
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  Widen(other.min_.load(kRelaxed), other.max_.load(kRelaxed));
  sum_.fetch_add(other.sum_.load(kRelaxed), kRelaxed);
  for (int b = 0; b < kBuckets; ++b) {
    const int64_t count = other.buckets_[b].load(kRelaxed);
    if (count != 0) buckets_[b].fetch_add(count, kRelaxed);
  }
}

void LatencyHistogram::Reset() {
  for (std::atomic<int64_t>& bucket : buckets_) bucket.store(0, kRelaxed);
  sum_.store(0, kRelaxed);
  min_.store(std::numeric_limits<int64_t>::max(), kRelaxed);
  max_.store(-1, kRelaxed);
}

int64_t LatencyHistogram::Read(Counts& counts) const {
  int64_t total = 0;
  for (int b = 0; b < kBuckets; ++b) {
    counts[b] = buckets_[b].load(kRelaxed);
    total += counts[b];
  }
  return total;
}

int64_t LatencyHistogram::PercentileOf(const Counts& counts, int64_t total,
                                       double percent) const {
  if (total == 0) return 0;
  const double wanted = std::clamp(percent, 0.0, 100.0) / 100.0;
  // A shade less before rounding up: 0.999 * 1000 is a little above 999.
  const int64_t rank = std::clamp<int64_t>(
      static_cast<int64_t>(
          std::ceil(wanted * static_cast<double>(total) - 1e-6)),
      1, total);
  int64_t below = 0;
  int bucket = 0;
  for (; bucket < kBuckets - 1; ++bucket) {
    below += counts[bucket];
    if (below >= rank) break;
  }
  const int64_t smallest = min_.load(kRelaxed);
  const int64_t largest = max_.load(kRelaxed);
  if (largest < smallest) return MiddleOf(bucket);  // beside a Reset()
  return std::clamp(MiddleOf(bucket), smallest, largest);
}

LatencyHistogram::Summary LatencyHistogram::Summarise() const {
  Counts counts;
  const int64_t total = Read(counts);
  Summary summary;
  if (total == 0) return summary;
  summary.count = total;
  summary.mean_ns =
      static_cast<double>(sum_.load(kRelaxed)) / static_cast<double>(total);
  summary.min_ns = min_.load(kRelaxed);
  summary.max_ns = max_.load(kRelaxed);
  summary.p50_ns = PercentileOf(counts, total, 50);
  summary.p90_ns = PercentileOf(counts, total, 90);
  summary.p95_ns = PercentileOf(counts, total, 95);
  summary.p99_ns = PercentileOf(counts, total, 99);
  summary.p999_ns = PercentileOf(counts, total, 99.9);
  return summary;
}

int64_t LatencyHistogram::Percentile(double percent) const {
  Counts counts;
  const int64_t total = Read(counts);
  return PercentileOf(counts, total, percent);
}

int64_t LatencyHistogram::count() const {
  int64_t total = 0;
  for (const std::atomic<int64_t>& bucket : buckets_) {
    total += bucket.load(kRelaxed);
  }
  return total;
}

}  // namespace attune
