#include "engine/rank/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

TEST(LatencyHistogramTest, IsEmptyAtFirst) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Percentile(50), 0);
  EXPECT_EQ(histogram.Summarise().max_ns, 0);
}

TEST(LatencyHistogramTest, IsExactForSmallValuesAndSingleOnes) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 10; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.Percentile(50), 5);
  EXPECT_EQ(histogram.Percentile(51), 6);
  EXPECT_EQ(histogram.Percentile(0), 1);
  EXPECT_EQ(histogram.Percentile(100), 10);
  EXPECT_EQ(histogram.Percentile(200), 10);
  LatencyHistogram one;
  one.Record(123456789);
  EXPECT_EQ(one.Percentile(50), 123456789) << "clamped to the extremes";
}

TEST(LatencyHistogramTest, PercentilesAreWithinOnePercent) {
  Rng rng(1);
  LatencyHistogram histogram;
  std::vector<int64_t> values;
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    // Seven orders of magnitude.
    values.push_back(static_cast<int64_t>(std::exp(17 * rng.Uniform())));
    histogram.Record(values.back());
    sum += static_cast<double>(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {0.1, 1., 10., 50., 90., 95., 99., 99.9, 100.}) {
    const size_t rank = static_cast<size_t>(
        std::ceil(percent / 100 * static_cast<double>(values.size()) - 1e-6));
    const double truth =
        static_cast<double>(values[std::max<size_t>(rank, 1) - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.Percentile(percent)), truth,
                0.01 * truth)
        << percent;
  }
  const LatencyHistogram::Summary summary = histogram.Summarise();
  EXPECT_EQ(summary.count, 100000);
  EXPECT_EQ(summary.min_ns, values.front());
  EXPECT_EQ(summary.max_ns, values.back());
  EXPECT_NEAR(summary.mean_ns, sum / 100000, 1e-6 * summary.mean_ns);
  EXPECT_EQ(summary.p999_ns, histogram.Percentile(99.9));
  EXPECT_LE(summary.p50_ns, summary.p90_ns);
  EXPECT_LE(summary.p95_ns, summary.p99_ns);
}

TEST(LatencyHistogramTest, EveryValueFallsWithinOnePercentOfItsBucket) {
  for (int64_t value = 1; value < LatencyHistogram::kLongestNs;
       value += 1 + value / 37) {
    LatencyHistogram histogram;
    // Neighbours on both sides, so that the extremes do not help.
    histogram.Record(0);
    histogram.Record(value);
    histogram.Record(LatencyHistogram::kLongestNs);
    const int64_t answer = histogram.Percentile(50);
    ASSERT_LE(std::abs(answer - value) * 100, value) << value;
  }
}

TEST(LatencyHistogramTest, TakesWhatNoClockShouldGive) {
  LatencyHistogram histogram;
  histogram.Record(-5);
  histogram.Record(int64_t{1} << 50);
  EXPECT_EQ(histogram.Summarise().min_ns, 0);
  EXPECT_EQ(histogram.Summarise().max_ns, int64_t{1} << 50);
  EXPECT_EQ(histogram.count(), 2);
  histogram.Reset();
  EXPECT_EQ(histogram.count(), 0);
  histogram.Record(7);
  EXPECT_EQ(histogram.Summarise().min_ns, 7);
  EXPECT_EQ(histogram.Summarise().max_ns, 7);
}

TEST(LatencyHistogramTest, MergeEqualsRecordingTogether) {
  Rng rng(2);
  LatencyHistogram a, b, both;
  for (int i = 0; i < 5000; ++i) {
    const int64_t value = static_cast<int64_t>(rng.Below(10000000));
    (i % 3 == 0 ? a : b).Record(value);
    both.Record(value);
  }
  a.Merge(b);
  a.Merge(LatencyHistogram());
  for (int percent = 0; percent <= 100; ++percent) {
    EXPECT_EQ(a.Percentile(percent), both.Percentile(percent));
  }
  EXPECT_EQ(a.Summarise().mean_ns, both.Summarise().mean_ns);
  EXPECT_EQ(a.Summarise().min_ns, both.Summarise().min_ns);
}

TEST(LatencyHistogramTest, LosesNothingBetweenThreads) {
  LatencyHistogram histogram;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&histogram, t] {
      for (int i = 0; i < 20000; ++i) histogram.Record(t * 1000 + i % 100);
    });
  }
  while (histogram.count() < 1000) {
    EXPECT_LE(histogram.Percentile(99), 3099 * 1.01);
  }
  for (std::thread& thread : threads) thread.join();
  const LatencyHistogram::Summary summary = histogram.Summarise();
  EXPECT_EQ(summary.count, 80000);
  EXPECT_EQ(summary.max_ns, 3099);
  EXPECT_EQ(summary.min_ns, 0);
  EXPECT_DOUBLE_EQ(summary.mean_ns, 1549.5);
}

}  // namespace
}  // namespace attune
