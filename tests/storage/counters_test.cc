// proto/counter_math.h and the counters' merge operator.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "proto/counter_math.h"
#include "storage/counters_merge.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

constexpr int64_t kDay = 86'400'000;

TEST(CounterMathTest, HalvesPerHalfLife) {
  v1::Counter counter;
  AddToCounter(10 * kDay, 1, counter);
  AddToCounter(11 * kDay, 1, counter);
  EXPECT_DOUBLE_EQ(counter.total(), 2);
  EXPECT_EQ(counter.reference_ms(), 11 * kDay);
  EXPECT_DOUBLE_EQ(counter.hour(), 1 + std::exp2(-24.0));
  EXPECT_DOUBLE_EQ(counter.day(), 1.5);
  EXPECT_DOUBLE_EQ(counter.week(), 1 + std::exp2(-1.0 / 7));
  EXPECT_DOUBLE_EQ(counter.month(), 1 + std::exp2(-1.0 / 30));
  const CounterValues later = CounterAt(counter, 12 * kDay);
  EXPECT_DOUBLE_EQ(later.total, 2);
  EXPECT_DOUBLE_EQ(later.day, 0.75);
  const CounterValues before = CounterAt(counter, 0);
  EXPECT_DOUBLE_EQ(before.day, 1.5);
  EXPECT_DOUBLE_EQ(CounterAt(counter, 11 * kDay + kDay / 12).hour,
                   counter.hour() / 4);
}

TEST(CounterMathTest, WithoutTimeOnlyTheTotalGrows) {
  v1::Counter counter;
  AddToCounter(std::nullopt, 2, counter);
  EXPECT_EQ(counter.total(), 2);
  EXPECT_EQ(counter.day(), 0);
  AddToCounter(-5 * kDay, 1, counter);
  EXPECT_EQ(counter.reference_ms(), -5 * kDay);
  AddToCounter(std::nullopt, 1, counter);
  EXPECT_EQ(counter.total(), 4);
  EXPECT_EQ(counter.day(), 1);
}

TEST(CounterMathTest, ExtremeTimesStayFinite) {
  v1::Counter counter;
  AddToCounter(std::numeric_limits<int64_t>::min(), 1, counter);
  AddToCounter(std::numeric_limits<int64_t>::max(), 1, counter);
  AddToCounter(0, 1, counter);
  EXPECT_EQ(counter.total(), 3);
  EXPECT_EQ(counter.day(), 1);
  const CounterValues values =
      CounterAt(counter, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(values.day, 1);
}

TEST(CounterMathTest, KeepsCountersSortedByAction) {
  v1::Counters counters;
  for (const char* action : {"like", "click", "view", "buy", "like"}) {
    AddToCounter(std::nullopt, 1, CounterFor(action, counters));
  }
  ASSERT_EQ(counters.counters_size(), 4);
  EXPECT_EQ(counters.counters(0).action(), "buy");
  EXPECT_EQ(counters.counters(1).action(), "click");
  EXPECT_EQ(counters.counters(2).action(), "like");
  EXPECT_EQ(counters.counters(3).action(), "view");
  EXPECT_EQ(FindCounter(counters, "like")->total(), 2);
  EXPECT_EQ(FindCounter(counters, "none"), nullptr);
}

TEST(CounterMathTest, DoesNotDependOnTheOrder) {
  Rng rng(3);
  std::vector<int64_t> times(500);
  for (int64_t& time : times) {
    time = static_cast<int64_t>(rng.Below(400)) * kDay / 7;
  }
  std::optional<CounterValues> first;
  for (int round = 0; round < 20; ++round) {
    for (size_t i = times.size(); i > 1; --i) {
      std::swap(times[i - 1], times[rng.Below(i)]);
    }
    // In pieces that are added to each other, too.
    v1::Counter sum;
    for (size_t i = 0; i < times.size();) {
      v1::Counter piece;
      for (uint64_t n = rng.Below(20); i < times.size() && n > 0; --n) {
        AddToCounter(times[i++], 1, piece);
      }
      AddCounter(piece, sum);
    }
    const CounterValues values = CounterAt(sum, 60 * kDay);
    EXPECT_EQ(values.total, 500);
    if (!first.has_value()) first = values;
    EXPECT_NEAR(values.day, first->day, 1e-12 * first->day);
    EXPECT_NEAR(values.week, first->week, 1e-12 * first->week);
    EXPECT_NEAR(values.month, first->month, 1e-12 * first->month);
  }
  double direct = 0;
  for (const int64_t time : times) {
    direct += std::exp2(-static_cast<double>(60 * kDay - time) / kDay);
  }
  EXPECT_NEAR(first->day, direct, 1e-12 * direct);
}

TEST(CountersMergeTest, RefusesMalformedBytes) {
  CountersMerge merge;
  EXPECT_FALSE(merge.Start("\xff"));
  ASSERT_TRUE(merge.Start(std::nullopt));
  EXPECT_FALSE(merge.Apply("\x0a\x05"));
}

// The same calls give the same bits, whatever happened to the operands.
TEST(CountersMergeTest, BitsDoNotDependOnGroupingOrFiles) {
  struct Call {
    std::string item, action;
    std::optional<int64_t> time;
  };
  Rng rng(5);
  std::vector<Call> calls;
  for (int i = 0; i < 400; ++i) {
    calls.push_back({"i" + std::to_string(rng.Below(3)),
                     rng.Bernoulli(0.5) ? "click" : "like", std::nullopt});
    if (rng.Bernoulli(0.9)) {
      calls.back().time = static_cast<int64_t>(rng.Below(1000)) * kDay / 13;
    }
  }
  std::vector<std::string> expected;
  for (int round = 0; round < 4; ++round) {
    TemporaryDirectory directory;
    const OpenOptions options = WriterOptions(directory.path() + "/db");
    auto database = MustOpen(options);
    ASSERT_NE(database, nullptr);
    for (size_t i = 0; i < calls.size();) {
      WriteGroup group;
      const uint64_t limit = round == 0 ? 1 : 1 + rng.Below(150);
      for (uint64_t n = limit; i < calls.size() && n > 0; --n, ++i) {
        const CounterUpdate update{.item_id = calls[i].item,
                                   .action = calls[i].action,
                                   .time_ms = calls[i].time};
        ASSERT_OK(group.AddCounters({&update, 1}));
      }
      ASSERT_OK(database->Write(std::move(group)));
      if (round > 1 && rng.Bernoulli(0.3)) {
        ASSERT_OK(database->Flush());
      }
      if (round > 2 && rng.Bernoulli(0.2)) {
        ASSERT_OK(database->Compact());
      }
    }
    if (round == 3) {
      database.reset();
      database = MustOpen(options);
    }
    if (expected.empty()) expected = Dump(*database);
    EXPECT_EQ(Dump(*database), expected) << "round " << round;
  }
  EXPECT_GE(expected.size(), 4u);
}

TEST(CountersMergeTest, TimesCanBecomeKnownLater) {
  TemporaryDirectory directory;
  const auto database = MustOpen(WriterOptions(directory.path() + "/db"));
  WriteGroup group;
  const CounterUpdate updates[] = {
      {.item_id = "a", .action = "click", .time_ms = std::nullopt},
      {.item_id = "a", .action = "click", .time_ms = 5, .only_time = true}};
  ASSERT_OK(group.AddCounters(updates));
  ASSERT_OK(database->Write(std::move(group)));
  const std::string_view ids[] = {"a"};
  const auto counters = database->GetCounters(ids);
  ASSERT_TRUE(counters.ok());
  EXPECT_EQ((*counters)[0].counters(0).total(), 1);
  EXPECT_EQ((*counters)[0].counters(0).month(), 1);
  EXPECT_EQ((*counters)[0].counters(0).reference_ms(), 5);
}

TEST(CountersMergeTest, RefusesAmountsThatAreNoNumbers) {
  WriteGroup group;
  const CounterUpdate update{
      .item_id = "a", .action = "click", .time_ms = 1, .amount = std::nan("")};
  EXPECT_EQ(group.AddCounters({&update, 1}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attune::storage
