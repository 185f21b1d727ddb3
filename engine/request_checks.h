#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "proto/attune.pb.h"

namespace attune {

/// Most candidates of one request.
inline constexpr int64_t kMaxCandidates = 100'000;

/// Most events of an inline history, and items beside it.
inline constexpr int kMaxInlineRecords = 100'000;

/// What no request may hold, whoever it comes from: InvalidArgument names the
/// field and the value. Times go from 0 to the year 2100, so that differences
/// of two are always whole numbers of milliseconds.
absl::Status CheckRequest(const v1::RankRequest& request);

/// The parts that every way of asking has.
absl::Status CheckCandidateCount(int64_t count);
absl::Status CheckTimes(int64_t now_ms, int64_t deadline_ms);

}  // namespace attune
