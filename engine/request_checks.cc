#include "engine/request_checks.h"

#include <cmath>
#include <string>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/record_checks.h"
#include "engine/io/excerpt.h"

namespace attune {
namespace {

bool IsTime(int64_t time_ms) { return time_ms >= 0 && time_ms <= kMaxTimeMs; }

absl::Status CheckHistory(const v1::History& history) {
  if (history.events_size() > kMaxInlineRecords) {
    return absl::InvalidArgumentError(
        StrCat("field \"inline_history\": ", history.events_size(),
               " events, at most ", kMaxInlineRecords, " are taken"));
  }
  for (int i = 0; i < history.events_size(); ++i) {
    const v1::HistoryEvent& event = history.events(i);
    if (event.has_time() && !IsTime(event.sort_key())) {
      return absl::InvalidArgumentError(
          StrCat("field \"inline_history\": event ", i, " has time ",
                 event.sort_key(), ", must be 0 to ", kMaxTimeMs, " ms"));
    }
  }
  return absl::OkStatus();
}

/// Stored numbers are checked when they are written; these would go straight
/// into the score. `owner` is whose features they are, for the message.
template <typename Owner>
absl::Status CheckFinite(
    const google::protobuf::RepeatedPtrField<v1::Feature>& features,
    const Owner& owner) {
  for (const v1::Feature& feature : features) {
    const v1::Value& value = feature.value();
    if (!value.has_number() || std::isfinite(value.number())) continue;
    return absl::InvalidArgumentError(
        StrCat(owner(), ": feature ", Excerpt(feature.name()), " is ",
               value.number(), ", must be a finite number"));
  }
  return absl::OkStatus();
}

absl::Status CheckInlineItems(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<v1::Item>& items) {
  if (items.size() > kMaxInlineRecords) {
    return absl::InvalidArgumentError(
        StrCat("field \"", field, "\": ", items.size(), " items, at most ",
               kMaxInlineRecords, " are taken"));
  }
  for (int i = 0; i < items.size(); ++i) {
    const v1::Item& item = items[i];
    if (item.item_id().empty()) {
      return absl::InvalidArgumentError(
          StrCat("field \"", field, "\": item ", i, " has no item_id"));
    }
    ATTUNE_RETURN_IF_ERROR(CheckFinite(item.features(), [&] {
      return StrCat("field \"", field, "\": item ", i, " (",
                    Excerpt(item.item_id()), ")");
    }));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCandidateCount(int64_t count) {
  if (count <= kMaxCandidates) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("field \"candidates\": ", count,
                                           " candidates, at most ",
                                           kMaxCandidates, " per request"));
}

absl::Status CheckTimes(int64_t now_ms, int64_t deadline_ms) {
  if (!IsTime(now_ms)) {
    return absl::InvalidArgumentError(
        StrCat("field \"now_ms\": ", now_ms, ", must be 0 to ", kMaxTimeMs));
  }
  if (deadline_ms < 0) {
    return absl::InvalidArgumentError(StrCat(
        "field \"deadline_ms\": ", deadline_ms, ", must not be below 0"));
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(const v1::RankRequest& request) {
  ATTUNE_RETURN_IF_ERROR(CheckCandidateCount(
      int64_t{request.candidate_ids_size()} + request.candidates_size()));
  ATTUNE_RETURN_IF_ERROR(CheckInlineItems("candidates", request.candidates()));
  ATTUNE_RETURN_IF_ERROR(
      CheckInlineItems("history_items", request.history_items()));
  ATTUNE_RETURN_IF_ERROR(CheckFinite(request.inline_user().features(), [] {
    return std::string("field \"inline_user\"");
  }));
  ATTUNE_RETURN_IF_ERROR(CheckTimes(request.now_ms(), request.deadline_ms()));
  const float diversity = request.policy().diversity();
  if (!(diversity >= 0 && diversity <= 1)) {
    return absl::InvalidArgumentError(
        StrCat("field \"policy.diversity\": ", diversity, ", must be 0 to 1"));
  }
  return CheckHistory(request.inline_history());
}

}  // namespace attune
