#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proto/records.pb.h"

namespace attune {

/// Item counters as they stood at any past moment, so that a training example
/// sees what a request at its time would have seen. Keeps one point (40 bytes)
/// per counted event; a query is a binary search per action. Built once, then
/// const and thread-safe.
class AsOfCounters {
 public:
  /// Events may be added in any order; `item` is a dataset index.
  void Add(int32_t item, std::string_view action,
           std::optional<int64_t> time_ms);
  /// Sorts and accumulates. Call once, after the last Add.
  void Build();

  /// Counters of `item` strictly before now_ms; with !has_time the untimed
  /// totals less `own` events of the asking user (its own target must not
  /// count). `counters` is cleared first and keeps its memory.
  void Fill(int32_t item, int64_t now_ms, bool has_time, int own,
            v1::Counters* counters) const;

 private:
  struct Point {
    int64_t time_ms = 0;
    float total = 0, hour = 0, day = 0, week = 0, month = 0;
  };
  struct Series {
    int32_t action;
    std::vector<Point> points;  // by time, accumulated
    double untimed = 0;
  };
  Series& SeriesFor(int32_t item, std::string_view action);

  std::vector<std::string> actions_;
  absl::flat_hash_map<std::string, int32_t> action_index_;
  std::vector<std::vector<Series>> items_;
};

}  // namespace attune
