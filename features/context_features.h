#pragma once

#include <cstdint>
#include <vector>

#include "features/text_match.h"

namespace attune::features {

/// What a model takes of a request's context: values of the event columns that
/// the schema declares as context. Made by Pipeline::EncodeContext; of one that
/// says nothing, all is empty but `shared`.
struct ContextFeatures {
  /// Rows in [0, Pipeline::context_rows()): known "column=value" pairs and the
  /// buckets of numeric columns; no repeats.
  std::vector<int32_t> tokens;
  /// Rows in [0, Pipeline::text_rows()), as ItemFeatures::text_tokens, of the
  /// text columns' words.
  std::vector<int32_t> text_tokens;
  /// [Pipeline::context_width()]: numbers, frequent values, flags of what is
  /// missing.
  std::vector<float> shared;
  /// The words, for matches with those of items.
  std::vector<QueryTerm> terms;

  void Clear() {
    tokens.clear();
    text_tokens.clear();
    shared.clear();
    terms.clear();
  }
};

}  // namespace attune::features
