#include "proto/counter_math.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attune {
namespace {

bool HasTime(const v1::Counter& counter) {
  // A month's part underflows to zero only after 88 years without an event.
  return counter.month() != 0 || counter.week() != 0 || counter.day() != 0;
}

double Decay(double age_ms, double half_life_ms) {
  return std::exp2(-age_ms / half_life_ms);
}

void ScaleTimedParts(double age_ms, v1::Counter& counter) {
  counter.set_hour(counter.hour() * Decay(age_ms, kHourMs));
  counter.set_day(counter.day() * Decay(age_ms, kDayMs));
  counter.set_week(counter.week() * Decay(age_ms, kWeekMs));
  counter.set_month(counter.month() * Decay(age_ms, kMonthMs));
}

double AgeMs(int64_t from_ms, int64_t to_ms) {
  return static_cast<double>(to_ms) - static_cast<double>(from_ms);
}

}  // namespace

void AddToCounter(std::optional<int64_t> time_ms, double amount,
                  v1::Counter& counter) {
  v1::Counter one;
  one.set_total(amount);
  if (time_ms.has_value()) {
    one.set_reference_ms(*time_ms);
    one.set_hour(amount);
    one.set_day(amount);
    one.set_week(amount);
    one.set_month(amount);
  }
  AddCounter(one, counter);
}

void AddCounter(const v1::Counter& from, v1::Counter& into) {
  into.set_total(into.total() + from.total());
  if (!HasTime(from)) return;
  if (!HasTime(into)) {
    into.set_reference_ms(from.reference_ms());
    into.set_hour(from.hour());
    into.set_day(from.day());
    into.set_week(from.week());
    into.set_month(from.month());
    return;
  }
  double age_ms = AgeMs(from.reference_ms(), into.reference_ms());
  if (age_ms < 0) {
    ScaleTimedParts(-age_ms, into);
    into.set_reference_ms(from.reference_ms());
    age_ms = 0;
  }
  into.set_hour(into.hour() + from.hour() * Decay(age_ms, kHourMs));
  into.set_day(into.day() + from.day() * Decay(age_ms, kDayMs));
  into.set_week(into.week() + from.week() * Decay(age_ms, kWeekMs));
  into.set_month(into.month() + from.month() * Decay(age_ms, kMonthMs));
}

CounterValues CounterAt(const v1::Counter& counter, int64_t now_ms) {
  const double age_ms = std::max(0.0, AgeMs(counter.reference_ms(), now_ms));
  return {.total = counter.total(),
          .hour = counter.hour() * Decay(age_ms, kHourMs),
          .day = counter.day() * Decay(age_ms, kDayMs),
          .week = counter.week() * Decay(age_ms, kWeekMs),
          .month = counter.month() * Decay(age_ms, kMonthMs)};
}

const v1::Counter* FindCounter(const v1::Counters& counters,
                               std::string_view action) {
  // An item has a handful of actions: a scan beats a search.
  for (const v1::Counter& counter : counters.counters()) {
    if (counter.action() == action) return &counter;
  }
  return nullptr;
}

v1::Counter& CounterFor(std::string_view action, v1::Counters& counters) {
  int place = 0;
  while (place < counters.counters_size() &&
         counters.counters(place).action() < action) {
    ++place;
  }
  if (place == counters.counters_size() ||
      counters.counters(place).action() != action) {
    counters.add_counters()->set_action(std::string(action));
    for (int i = counters.counters_size() - 1; i > place; --i) {
      counters.mutable_counters()->SwapElements(i, i - 1);
    }
  }
  return *counters.mutable_counters(place);
}

}  // namespace attune
