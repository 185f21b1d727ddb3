#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "features/schema.h"
#include "features/vocabulary.h"

namespace attune::features {

/// What was learned about one numeric or time column.
struct NumericState {
  bool used = false;  ///< false: never seen, or the same everywhere
  double mean = 0;
  double deviation = 1;  ///< > 0
  std::vector<double> bounds;
};

/// A result of impressions and how often it follows one.
struct ActionRate {
  std::string action;
  double base = 0;  ///< in (0, 1)
};

/// Everything a Pipeline knows: what PipelineFitter learns and the model
/// stores. A plain value; Pipeline::Create checks it.
struct PipelineState {
  Schema schema;
  int32_t max_text_tokens = 0;
  int32_t max_attribute_tokens = 0;
  int32_t profile_events = 0;
  int64_t items = 0;      ///< observed in training
  bool uses_time = true;  ///< false: training data without a clock
  bool has_impressions = false;
  std::vector<bool> item_fields;           ///< [plan.attributes]: has values
  std::vector<NumericState> item_numeric;  ///< [plan.numerics]
  std::vector<NumericState> user_numeric;
  std::vector<NumericState> context_numeric;
  std::vector<ActionRate> rates;
  Vocabulary text, attributes, users;
  Vocabulary contexts;  ///< values of the context columns, buckets first
  /// How rare the words and trigrams of items are (SearchEntry);
  /// empty where no context column is a text.
  Vocabulary search;
};

/// InvalidArgument for sizes that do not fit the schema and values out of
/// range; names them.
absl::Status CheckState(const PipelineState& state);

std::string StateToJson(const PipelineState& state);
absl::StatusOr<PipelineState> StateFromJson(std::string_view text,
                                            std::string_view source);

}  // namespace attune::features
