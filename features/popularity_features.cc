#include "features/popularity_features.h"

#include <algorithm>
#include <cmath>

#include "features/bounded.h"
#include "proto/counter_math.h"

namespace attune::features {
namespace {

// Impressions that a rate's base counts for.
constexpr float kPriorImpressions = 20;
// Keeps the trend of rare items near zero.
constexpr float kTrendPrior = 0.1f;

float Log1p(double value) {
  return value > 0 ? std::log1p(static_cast<float>(value)) : 0.0f;
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
  compact.day = sum.day();
  compact.week = sum.week();
  compact.month = sum.month();
  return compact;
}

void PopularityFeatures::Write(const ItemCounters& counters, int64_t now_ms,
                               bool has_time, float* dense) const {
  float* out = dense + layout_.popularity_begin;
  *out++ = Bounded(0.25f * Log1p(counters.total));
  const double impressions = counters.impressions;
  if (state_.has_impressions) *out++ = Bounded(0.25f * Log1p(impressions));
  if (layout_.windows_begin >= 0) {
    float* windows = dense + layout_.windows_begin;
    const bool timed = has_time && counters.month > 0;
    if (timed) {
      // As CounterAt, in float: a third of the time of the whole block.
      const double age_ms =
          std::max(0.0, static_cast<double>(now_ms) -
                            static_cast<double>(counters.reference_ms));
      const auto decayed = [age_ms](double value, double half_life_ms) {
        return static_cast<float>(value) *
               std::exp2(static_cast<float>(-age_ms / half_life_ms));
      };
      const float day = decayed(counters.day, kDayMs);
      const float week = decayed(counters.week, kWeekMs);
      const float month = decayed(counters.month, kMonthMs);
      windows[0] = Bounded(0.4f * Log1p(day));
      windows[1] = Bounded(0.4f * Log1p(week));
      windows[2] = Bounded(0.4f * Log1p(month));
      // A steady rate fills a window in proportion to its half-life.
      windows[3] = Bounded(std::log((week / 7.0f + kTrendPrior) /
                                    (month / 30.0f + kTrendPrior)));
    } else {
      // An item without events has cold windows; only without a clock, or with
      // counts that have no times, are they unknown.
      windows[4] = has_time && counters.total <= 0 ? 0.0f : 1.0f;
    }
  }
  if (!(impressions > 0)) return;
  float* rates = dense + layout_.rates_begin;
  for (size_t i = 0; i < state_.rates.size(); ++i) {
    const float base = static_cast<float>(state_.rates[i].base);
    const float expected =
        base * (static_cast<float>(impressions) + kPriorImpressions);
    rates[i] = Bounded(
        std::log((counters.followed[i] + kPriorImpressions * base) / expected));
  }
}

}  // namespace attune::features
