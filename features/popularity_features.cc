#include "features/popularity_features.h"

#include <algorithm>
#include <cstring>

#include "features/bounded.h"
#include "features/lane_math.h"
#include "proto/counter_math.h"

namespace attune::features {
namespace {

// Impressions that a rate's base counts for.
constexpr float kPriorImpressions = 20;
// Keeps the trend of rare items near zero.
constexpr float kTrendPrior = 0.1f;

// Of the windows' block, behind the four windows and the trend.
constexpr int32_t kUntimed = 5;

// What the logarithms are taken of, by the order of the values in the arrays.
enum Argument {
  kTotal,
  kImpressions,
  kHour,
  kDay,
  kWeek,
  kMonth,
  kTrend,
  kFirstRate,
};
// Logarithms are taken in lanes of four.
constexpr size_t InLanes(size_t arguments) { return (arguments + 3) / 4 * 4; }

// A count as a logarithm's argument: log(1 + count).
float Count(double count) {
  // NaN is 0, too.
  return count > 0 ? 1.0f + static_cast<float>(count) : 1.0f;
}

}  // namespace

PopularityFeatures::PopularityFeatures(const PipelineState& state,
                                       const DenseLayout& layout)
    : state_(state), layout_(layout) {
  const auto action = [this](std::string_view name) -> Action& {
    for (Action& known : actions_) {
      if (known.name == name) return known;
    }
    return actions_.emplace_back(Action{.name = std::string(name)});
  };
  for (const char* name : {"view", "click", "like", "share", "comment",
                           "purchase", "rating", "return"}) {
    action(name);
  }
  action(kImpression);
  for (const ActionRule& rule : state.schema.actions().rules()) {
    action(rule.name);
  }
  for (size_t i = 0; i < state.rates.size(); ++i) {
    action(state.rates[i].action).rate = static_cast<int32_t>(i);
  }
  for (Action& known : actions_) {
    known.positive = known.name != kImpression &&
                     state.schema.actions().IsPositive(known.name);
  }
  std::sort(actions_.begin(), actions_.end(),
            [](const Action& a, const Action& b) { return a.name < b.name; });
}

const PopularityFeatures::Action* PopularityFeatures::Find(
    std::string_view name) const {
  const auto it =
      std::lower_bound(actions_.begin(), actions_.end(), name,
                       [](const Action& action, std::string_view key) {
                         return action.name < key;
                       });
  return it != actions_.end() && it->name == name ? &*it : nullptr;
}

ItemCounters PopularityFeatures::Compact(const v1::Counters& counters) const {
  ItemCounters compact;
  v1::Counter sum;
  for (const v1::Counter& counter : counters.counters()) {
    if (counter.action() == kImpression) {
      compact.impressions = counter.total();
      continue;
    }
    const Action* action = Find(counter.action());
    if (action != nullptr && action->rate >= 0) {
      compact.followed[static_cast<size_t>(action->rate)] =
          static_cast<float>(counter.total());
    }
    const bool positive =
        action != nullptr
            ? action->positive
            : state_.schema.actions().IsPositive(counter.action());
    if (positive) AddCounter(counter, sum);
  }
  compact.total = sum.total();
  compact.reference_ms = sum.reference_ms();
  compact.hour = sum.hour();
  compact.day = sum.day();
  compact.week = sum.week();
  compact.month = sum.month();
  return compact;
}

void PopularityFeatures::Write(const ItemCounters& counters, int64_t now_ms,
                               bool has_time, float* dense) const {
  if (!(counters.total > 0 || counters.impressions > 0 || counters.month > 0)) {
    // Never counted, as most of a large catalogue: all logarithms are of 1.
    if (layout_.windows_begin >= 0) {
      dense[layout_.windows_begin + kUntimed] = has_time ? 0.0f : 1.0f;
    }
    return;
  }
  alignas(16) float values[InLanes(kFirstRate + kMaxRates)];
  std::fill(std::begin(values), std::end(values), 1.0f);
  values[kTotal] = Count(counters.total);
  const float impressions = Count(counters.impressions) - 1.0f;
  values[kImpressions] = 1.0f + impressions;
  const bool timed =
      layout_.windows_begin >= 0 && has_time && counters.month > 0;
  if (timed) {
    // As CounterAt, in float: a third of the time of the whole block.
    const double age_ms =
        std::max(0.0, static_cast<double>(now_ms) -
                          static_cast<double>(counters.reference_ms));
    const FloatLanes decay =
        Exp2Lanes(FloatLanes{static_cast<float>(age_ms * (-1.0 / kDayMs)),
                             static_cast<float>(age_ms * (-1.0 / kWeekMs)),
                             static_cast<float>(age_ms * (-1.0 / kMonthMs)),
                             static_cast<float>(age_ms * (-1.0 / kHourMs))});
    const float week = static_cast<float>(counters.week) * decay[1];
    const float month = static_cast<float>(counters.month) * decay[2];
    values[kHour] = Count(static_cast<float>(counters.hour) * decay[3]);
    values[kDay] = Count(static_cast<float>(counters.day) * decay[0]);
    values[kWeek] = Count(week);
    values[kMonth] = Count(month);
    // A steady rate fills a window in proportion to its half-life.
    values[kTrend] = (week * (1.0f / 7.0f) + kTrendPrior) /
                     (month * (1.0f / 30.0f) + kTrendPrior);
  }
  const size_t rates = impressions > 0 ? state_.rates.size() : 0;
  for (size_t i = 0; i < rates; ++i) {
    const float base = static_cast<float>(state_.rates[i].base);
    values[kFirstRate + i] = (counters.followed[i] + kPriorImpressions * base) /
                             (base * (impressions + kPriorImpressions));
  }
  const size_t arguments = InLanes(kFirstRate + rates);
  for (size_t i = 0; i < arguments; i += 4) {
    FloatLanes lanes;
    std::memcpy(&lanes, values + i, sizeof(lanes));
    lanes = LogLanes(lanes);
    std::memcpy(values + i, &lanes, sizeof(lanes));
  }

  float* out = dense + layout_.popularity_begin;
  *out++ = Bounded(0.25f * values[kTotal]);
  if (state_.has_impressions) *out++ = Bounded(0.25f * values[kImpressions]);
  if (layout_.windows_begin >= 0) {
    float* windows = dense + layout_.windows_begin;
    if (timed) {
      *windows++ = Bounded(0.4f * values[kHour]);
      *windows++ = Bounded(0.4f * values[kDay]);
      *windows++ = Bounded(0.4f * values[kWeek]);
      *windows++ = Bounded(0.4f * values[kMonth]);
      *windows++ = Bounded(values[kTrend]);
    } else {
      // An item without events has cold windows; only without a clock, or with
      // counts that have no times, are they unknown.
      windows[kUntimed] = has_time && counters.total <= 0 ? 0.0f : 1.0f;
    }
  }
  for (size_t i = 0; i < rates; ++i) {
    dense[layout_.rates_begin + static_cast<int32_t>(i)] =
        Bounded(values[kFirstRate + i]);
  }
}

}  // namespace attune::features
