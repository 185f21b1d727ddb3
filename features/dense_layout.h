#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "features/item_features.h"
#include "features/pipeline_state.h"
#include "features/record_plan.h"

namespace attune::features {

/// Where each value of the dense vector lies. Blocks in this order:
///   item       its numbers with missing flags, ages of its time columns
///   popularity counters of positive actions, rates per impression
///   match      one block per match field that occurs in training
///   near       the item's numbers against those of the history and of its
///              newest event
///   shared     user numbers, context, history: equal for all candidates
struct DenseLayout {
  /// Values of one field's block.
  enum Match {
    kLast,       // share (by idf) of the candidate's values in the last event
    kLast3,      // in one of the last three
    kShortMax,   // largest decayed share of the events that have a value
    kShortMean,  // idf-weighted mean of those shares
    kLongMax,
    kLongMean,
    kMatchWidth,
  };
  /// Item numbers that are compared with the history's.
  static constexpr size_t kMaxNear = 8;

  DenseLayout(const PipelineState& state, const RecordPlan& items,
              const RecordPlan& users);

  std::vector<std::string> names;
  int32_t width() const { return static_cast<int32_t>(names.size()); }
  int32_t shared_width() const { return width() - shared_begin; }

  /// Indices into plan.numerics of what ItemFeatures::numeric holds, in order.
  std::vector<int32_t> item_numeric;
  std::vector<int32_t> user_numeric;
  int32_t numeric_width() const {
    return 2 * static_cast<int32_t>(item_numeric.size());
  }
  int32_t user_numeric_width() const {
    return 2 * static_cast<int32_t>(user_numeric.size());
  }
  int32_t near_count = 0;  // the first ones of item_numeric
  int32_t age_columns = 0;

  /// First value of a field's block; -1: the field has none.
  std::array<int32_t, kMaxMatchFields> match_begin = {};
  bool field_used(int field) const {
    return match_begin[static_cast<size_t>(field)] >= 0;
  }
  int32_t popularity_begin = 0;
  int32_t windows_begin = -1;  // -1: the training data had no clock
  int32_t rates_begin = 0;
  int32_t jaccard = -1;       // where titles occur
  int32_t series_begin = -1;  // next, ahead, behind
  int32_t history_match_begin = 0;
  int32_t near_begin = 0;
  int32_t shared_begin = 0;
};

}  // namespace attune::features
