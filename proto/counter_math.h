#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/records.pb.h"

namespace attune {

// The arithmetic of v1.Counter, shared by the store's merge operator, training
// and serving, so that a counter has the same bits wherever it is computed.
// All functions are pure and thread-safe; time differences are taken in double,
// so that no time can overflow.

/// Half-lives of Counter.hour, .day, .week and .month, in milliseconds.
inline constexpr double kHourMs = 3'600'000.0;
inline constexpr double kDayMs = 24 * kHourMs;
inline constexpr double kWeekMs = 7 * kDayMs;
inline constexpr double kMonthMs = 30 * kDayMs;

/// A counter's values at some time. `total` never decays.
struct CounterValues {
  double total = 0;
  double hour = 0;
  double day = 0;
  double week = 0;
  double month = 0;
};

/// Adds `amount` occurrences at `time_ms`; without a time only `total` grows.
/// The result does not depend on the order of the calls beyond rounding
/// (relative error about 1e-15 per call).
void AddToCounter(std::optional<int64_t> time_ms, double amount,
                  v1::Counter& counter);

/// Adds everything `from` has counted to `into`, under the same rule; the
/// action is left alone. A counter whose decayed parts are all zero has no
/// time, and its reference_ms is ignored.
void AddCounter(const v1::Counter& from, v1::Counter& into);

/// The counter's values as of `now_ms`. Before the counter's reference (its
/// newest event) nothing is decayed: the store cannot take events back, and an
/// extrapolation into the past would grow without bound.
CounterValues CounterAt(const v1::Counter& counter, int64_t now_ms);

/// The counter of `action`, or null. `counters` is sorted by action.
const v1::Counter* FindCounter(const v1::Counters& counters,
                               std::string_view action);

/// The counter of `action`, inserted at its sorted place if it is missing.
v1::Counter& CounterFor(std::string_view action, v1::Counters& counters);

}  // namespace attune
