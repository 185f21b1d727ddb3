#include "engine/request_checks.h"

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/record_checks.h"

namespace attune {
namespace {

bool IsTime(int64_t time_ms) { return time_ms >= 0 && time_ms <= kMaxTimeMs; }

absl::Status CheckHistory(const v1::History& history) {
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
  for (const v1::Item& item : request.candidates()) {
    if (item.item_id().empty()) {
      return absl::InvalidArgumentError(
          "field \"candidates\": an item without item_id");
    }
  }
  ATTUNE_RETURN_IF_ERROR(CheckTimes(request.now_ms(), request.deadline_ms()));
  const float diversity = request.policy().diversity();
  if (!(diversity >= 0 && diversity <= 1)) {
    return absl::InvalidArgumentError(
        StrCat("field \"policy.diversity\": ", diversity, ", must be 0 to 1"));
  }
  return CheckHistory(request.inline_history());
}

}  // namespace attune
