#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "features/pipeline.h"
#include "features/schema.h"
#include "proto/records.pb.h"

namespace attune::features {

struct PipelineOptions {
  int32_t max_text_tokens = 64;
  int32_t max_attribute_tokens = 64;
  /// Most rows of the text, attribute and user tables; the most frequent
  /// tokens get them.
  int32_t max_text_rows = 1 << 17;
  int32_t max_attribute_rows = 1 << 17;
  int32_t max_user_rows = 1 << 16;
  int32_t max_context_rows = 1 << 16;
  /// Words and trigrams whose rarity is known, where requests carry texts.
  int32_t max_search_rows = 1 << 16;
  /// Items (users) in which a token must occur to get a row.
  int32_t min_count = 2;
  int32_t numeric_buckets = 16;
  int32_t profile_events = 100;
};

/// Learns a Pipeline from training data: which columns exist, means,
/// deviations, quantiles, vocabularies with document frequencies, base rates of
/// actions. Memory is bounded. The result does not depend on the order of the
/// records as long as there are fewer than 65,536 numbers in a column and 4
/// million different tokens; beyond that it is still deterministic.
/// Not thread-safe.
class PipelineFitter {
 public:
  /// Of event columns those that are context are used.
  explicit PipelineFitter(Schema schema, const PipelineOptions& options = {});
  ~PipelineFitter();
  PipelineFitter(const PipelineFitter&) = delete;
  PipelineFitter& operator=(const PipelineFitter&) = delete;

  void ObserveItem(const v1::Item& item);
  void ObserveUser(const v1::User& user);
  /// Optional: training events only. Gives the rates of clicks and so on per
  /// impression their base, says whether there are impressions and times, and
  /// which values the context columns have.
  void ObserveEvent(const v1::Event& event);

  /// InvalidArgument for options out of range. May be called once.
  absl::StatusOr<Pipeline> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune::features
