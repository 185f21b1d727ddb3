#include "engine/train/as_of_counters.h"

#include <algorithm>

#include "proto/counter_math.h"

namespace attune {

AsOfCounters::Series& AsOfCounters::SeriesFor(int32_t item,
                                              std::string_view action) {
  if (static_cast<size_t>(item) >= items_.size()) items_.resize(item + 1);
  auto [it, inserted] = action_index_.try_emplace(
      std::string(action), static_cast<int32_t>(actions_.size()));
  if (inserted) actions_.emplace_back(action);
  for (Series& series : items_[item]) {
    if (series.action == it->second) return series;
  }
  items_[item].push_back({it->second, {}, 0});
  return items_[item].back();
}

void AsOfCounters::Add(int32_t item, std::string_view action,
                       std::optional<int64_t> time_ms) {
  Series& series = SeriesFor(item, action);
  if (time_ms.has_value()) {
    series.points.push_back({.time_ms = *time_ms});
  } else {
    series.untimed += 1;
  }
}

void AsOfCounters::Build() {
  for (std::vector<Series>& item : items_) {
    for (Series& series : item) {
      std::sort(
          series.points.begin(), series.points.end(),
          [](const Point& a, const Point& b) { return a.time_ms < b.time_ms; });
      v1::Counter counter;
      for (Point& point : series.points) {
        AddToCounter(point.time_ms, 1, counter);
        point.total = static_cast<float>(counter.total());
        point.hour = static_cast<float>(counter.hour());
        point.day = static_cast<float>(counter.day());
        point.week = static_cast<float>(counter.week());
        point.month = static_cast<float>(counter.month());
      }
    }
    std::sort(item.begin(), item.end(), [&](const Series& a, const Series& b) {
      return actions_[a.action] < actions_[b.action];
    });
  }
}

void AsOfCounters::Fill(int32_t item, int64_t now_ms, bool has_time, int own,
                        v1::Counters* counters) const {
  counters->Clear();
  if (static_cast<size_t>(item) >= items_.size()) return;
  for (const Series& series : items_[item]) {
    double total = std::max(0.0, series.untimed - own);
    const Point* point = nullptr;
    if (has_time) {
      auto after = std::lower_bound(
          series.points.begin(), series.points.end(), now_ms,
          [](const Point& p, int64_t time) { return p.time_ms < time; });
      if (after != series.points.begin()) point = &*std::prev(after);
    } else if (!series.points.empty()) {
      total += series.points.back().total;
    }
    if (total == 0 && point == nullptr) continue;
    v1::Counter* counter = counters->add_counters();
    counter->set_action(actions_[series.action]);
    if (point != nullptr) {
      total += point->total;
      counter->set_reference_ms(point->time_ms);
      counter->set_hour(point->hour);
      counter->set_day(point->day);
      counter->set_week(point->week);
      counter->set_month(point->month);
    }
    counter->set_total(total);
  }
}

}  // namespace attune
