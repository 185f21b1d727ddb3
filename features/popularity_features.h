#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "features/dense_layout.h"
#include "features/item_counters.h"
#include "features/pipeline_state.h"
#include "proto/records.pb.h"

namespace attune::features {

/// Turns an item's counters into the popularity block of the dense vector.
/// Const use is thread-safe. Views the state and the layout.
class PopularityFeatures {
 public:
  PopularityFeatures(const PipelineState& state, const DenseLayout& layout);

  /// Sums over the positive actions, moved to one reference time.
  ItemCounters Compact(const v1::Counters& counters) const;

  /// Writes into dense [layout.width()], zeroed before. Without a clock
  /// (`has_time` false), or where the counters never saw a time, the windows
  /// are masked.
  void Write(const ItemCounters& counters, int64_t now_ms, bool has_time,
             float* dense) const;

 private:
  // Resolved once, since counters name their actions.
  struct Action {
    std::string name;
    bool positive = false;
    int32_t rate = -1;  // index into PipelineState::rates
  };
  const Action* Find(std::string_view name) const;

  const PipelineState& state_;
  const DenseLayout& layout_;
  std::vector<Action> actions_;  // sorted by name
};

}  // namespace attune::features
