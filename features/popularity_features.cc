#include "features/popularity_features.h"

#include <algorithm>
#include <array>
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

void PopularityFeatures::Write(const v1::Counters* counters, int64_t now_ms,
                               bool has_time, float* dense) const {
  double total = 0, day = 0, week = 0, month = 0, impressions = 0;
  bool timed = false;
  constexpr size_t kMaxRates = 16;
  std::array<double, kMaxRates> followed{};
  const int count = counters == nullptr ? 0 : counters->counters_size();
  for (int i = 0; i < count; ++i) {
    const v1::Counter& counter = counters->counters(i);
    if (counter.action() == kImpression) {
      impressions = counter.total();
      continue;
    }
    const Action* action = Find(counter.action());
    if (action != nullptr && action->rate >= 0 &&
        static_cast<size_t>(action->rate) < kMaxRates) {
      followed[static_cast<size_t>(action->rate)] = counter.total();
    }
    const bool positive =
        action != nullptr
            ? action->positive
            : state_.schema.actions().IsPositive(counter.action());
    if (!positive) continue;
    total += counter.total();
    if (!has_time || counter.month() == 0) continue;
    const CounterValues values = CounterAt(counter, now_ms);
    day += values.day;
    week += values.week;
    month += values.month;
    timed = true;
  }

  float* out = dense + layout_.popularity_begin;
  *out++ = Bounded(0.25f * Log1p(total));
  if (state_.has_impressions) *out++ = Bounded(0.25f * Log1p(impressions));
  if (layout_.windows_begin >= 0) {
    float* windows = dense + layout_.windows_begin;
    if (timed) {
      windows[0] = Bounded(0.4f * Log1p(day));
      windows[1] = Bounded(0.4f * Log1p(week));
      windows[2] = Bounded(0.4f * Log1p(month));
      // A steady rate fills a window in proportion to its half-life.
      const float per_week = static_cast<float>(week) / 7.0f + kTrendPrior;
      const float per_month = static_cast<float>(month) / 30.0f + kTrendPrior;
      windows[3] = Bounded(std::log(per_week / per_month));
    } else {
      // An item without events has cold windows; only without a clock, or with
      // counts that have no times, are they unknown.
      windows[4] = has_time && total <= 0 ? 0.0f : 1.0f;
    }
  }
  if (!(impressions > 0)) return;
  float* rates = dense + layout_.rates_begin;
  for (size_t i = 0; i < std::min(state_.rates.size(), kMaxRates); ++i) {
    const float base = static_cast<float>(state_.rates[i].base);
    const float expected =
        base * (static_cast<float>(impressions) + kPriorImpressions);
    rates[i] = Bounded(
        std::log((static_cast<float>(followed[i]) + kPriorImpressions * base) /
                 expected));
  }
}

}  // namespace attune::features
