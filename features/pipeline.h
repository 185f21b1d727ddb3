#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/tensor_view.h"
#include "base/workspace.h"
#include "features/context_features.h"
#include "features/history_profile.h"
#include "features/item_counters.h"
#include "features/item_features.h"
#include "features/item_view.h"
#include "features/schema.h"
#include "proto/records.pb.h"

namespace attune::features {

struct PipelineState;  // features/pipeline_state.h: what was learned

/// A user's stored features.
struct UserFeatures {
  /// Rows in [0, Pipeline::user_rows()); no repeats.
  std::vector<int32_t> tokens;
  /// [Pipeline::user_numeric_width()]: as ItemFeatures::numeric.
  std::vector<float> numeric;
};

/// What all candidates of one request share; made by PrepareRequest, reused
/// between requests without allocation.
struct RequestFeatures {
  int64_t now_ms = 0;
  bool has_time = false;
  std::vector<float> shared;  ///< [Pipeline::shared_width()]
  TextMatch text;             ///< of the context
};

/// Records to numbers, the same for training and serving: built by
/// PipelineFitter on training data, stored as JSON inside the model. Immutable
/// and thread-safe; movable.
///
/// Every dense value is finite and within [-4, 4], whatever the input. What
/// needs a clock is 0 where has_time is false, and a flag says so.
class Pipeline {
 public:
  /// InvalidArgument names `source` and the place.
  static absl::StatusOr<Pipeline> FromJson(
      std::string_view json, std::string_view source = "pipeline");
  /// Used by PipelineFitter. Internal where ICU's data is missing.
  static absl::StatusOr<Pipeline> Create(PipelineState state);
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;
  ~Pipeline();

  /// Stable text: equal pipelines give equal bytes.
  std::string ToJson() const;

  const Schema& schema() const;

  /// Sizes of the embedding tables. A token seen fewer than min_count times in
  /// training has no row; a table may be empty (0 rows).
  int32_t text_rows() const;
  int32_t attribute_rows() const;
  int32_t user_rows() const;
  int32_t context_rows() const;
  /// Most text tokens that EncodeItem gives.
  int32_t max_text_tokens() const;
  int32_t max_attribute_tokens() const;
  /// Floats in ItemFeatures::numeric and UserFeatures::numeric.
  int32_t numeric_width() const;
  int32_t user_numeric_width() const;
  int32_t time_columns() const;
  /// Whether the schema declares columns of a context, and a text among them.
  bool has_context() const;
  bool has_context_text() const;
  /// Floats in ContextFeatures::shared.
  int32_t context_width() const;
  /// Newest events that a HistoryProfile must be built from.
  int32_t profile_events() const;

  /// Unknown columns, wrong types and missing values are served as missing.
  ItemFeatures EncodeItem(const v1::Item& item) const;
  UserFeatures EncodeUser(const v1::User& user) const;
  /// The tokens (as text_tokens) of a query or dialogue.
  std::vector<int32_t> EncodeText(std::string_view text) const;

  /// Whether a request may carry this context: InvalidArgument names a column
  /// that the schema does not declare as one, is given twice, or has a value of
  /// another type, and what is declared.
  absl::Status CheckContext(
      const google::protobuf::RepeatedPtrField<v1::Feature>& context) const;
  /// What does not fit is missing. Keeps the memory of `out`.
  void EncodeContext(
      const google::protobuf::RepeatedPtrField<v1::Feature>& context,
      ContextFeatures* out) const;

  /// Parses stored bytes and checks them against this pipeline, so that no
  /// later use can read out of bounds. InvalidArgument otherwise.
  absl::Status ParseItem(std::string_view bytes, ItemFeatures* item) const;

  /// sin and cos of the hour of the day (UTC) and of the weekday, and a flag
  /// that is 1 where there is no clock (the rest is then 0). out [5].
  static constexpr int kClockWidth = 5;
  static void ClockFeatures(int64_t now_ms, bool has_time,
                            std::span<float> out);

  /// Adds a history event's item to `profile` under its action's weight.
  void AddToProfile(const ItemView& item, const v1::HistoryEvent& event,
                    HistoryProfile* profile) const;

  /// User numbers, history length, clock, time since the last event, context
  /// (null: none).
  void PrepareRequest(const UserFeatures& user, const HistoryProfile& profile,
                      int64_t now_ms, bool has_time, RequestFeatures* request,
                      const ContextFeatures* context = nullptr) const;

  /// The dense input of the fusion network for one candidate, out
  /// [dense_width()]: what the item alone gives, popularity (`counters` as of
  /// now; null: none), matches with the history, then request.shared. Costs
  /// O(attributes of the candidate), does not allocate. `item` must come from
  /// this pipeline's EncodeItem or ParseItem (empty but for item_key: an item
  /// without a record), `request` from its PrepareRequest with `profile`.
  void CandidateFeatures(const ItemView& item, const v1::Counters* counters,
                         const HistoryProfile& profile,
                         const RequestFeatures& request,
                         std::span<float> out) const;
  /// The same from counters that were compacted before: bit-identical, and
  /// without the search by action name.
  void CandidateFeatures(const ItemView& item, const ItemCounters& counters,
                         const HistoryProfile& profile,
                         const RequestFeatures& request,
                         std::span<float> out) const;
  /// The same for many candidates, side by side: rows of out [items, at least
  /// dense_width()], the same bits for each. Scratch memory is taken from
  /// `workspace`.
  void CandidateFeatures(std::span<const ItemView* const> items,
                         std::span<const ItemCounters> counters,
                         const HistoryProfile& profile,
                         const RequestFeatures& request, Workspace& workspace,
                         MatrixView out) const;
  ItemCounters CompactCounters(const v1::Counters& counters) const;

  int32_t dense_width() const;
  /// The last shared_width() values are equal for all candidates of a request.
  int32_t shared_width() const;
  /// [dense_width()], stable for one pipeline: "item.year", "match.tags.short".
  const std::vector<std::string>& dense_names() const;

 private:
  struct Impl;
  explicit Pipeline(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune::features
