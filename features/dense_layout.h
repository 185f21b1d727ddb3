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
///   text       the request's text against the item's words, where it may
///              have one (TextMatch)
///   shared     user numbers, history, clock, context: equal for all candidates
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
  /// Values of a context column that have a place of their own: the most
  /// frequent ones.
  static constexpr int32_t kMaxContextValues = 32;

  DenseLayout(const PipelineState& state, const RecordPlan& items,
              const RecordPlan& users, const RecordPlan& contexts);

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
  int32_t text_begin = -1;  // -1: requests carry no text
  int32_t shared_begin = 0;

  // The context's values, the last of the shared ones; the rest counts from
  // where they begin.
  int32_t context_begin = 0;
  int32_t context_width() const { return width() - context_begin; }
  /// Indices into plan.numerics: each a value and a missing flag.
  std::vector<int32_t> context_numeric;
  /// By row of PipelineState::contexts, -1: no place.
  std::vector<int32_t> context_value;
  /// Flags that are 1 where the column has no value, by match field.
  std::array<int32_t, kMaxMatchFields> context_missing = {};
  int32_t context_text = -1;  // whether there is one; its words
};

}  // namespace attune::features
