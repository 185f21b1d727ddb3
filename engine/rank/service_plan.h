#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

/// What the parts of a request cost, in nanoseconds.
struct RequestCosts {
  double fixed = 0;            ///< the user's records and the newest row
  double encoded_row = 0;      ///< each further row that is encoded
  double read_candidate = 0;   ///< a candidate's rows and match term
  double fused_candidate = 0;  ///< features, decoder and fusion of one
  double retrieval = 0;        ///< the best of the catalogue
};

/// The size of a request before it is worked on.
struct RequestWork {
  int64_t rows = 1;           ///< to be encoded, the newest included
  int64_t window_events = 0;  ///< of the history
  int64_t candidates = 0;
  int64_t explained = 0;  ///< items that reasons are asked for
  bool retrieves = false;
};

/// How much of a request is done.
struct ServicePlan {
  /// Candidates that go through the fusion network, the best by the match term.
  int64_t fused_candidates = 0;
  int64_t history_events = -1;  ///< newest events that are encoded; -1: all
  bool reasons = true;
  double estimated_ns = 0;
};

/// Candidates that are fused before the history is shortened for more.
inline constexpr int64_t kLeastFused = 100;
/// Events below which a history is not shortened.
inline constexpr int64_t kLeastEvents = 8;

/// The most that fits in the budget, by these steps, each after the one before
/// it did not suffice:
///   1. no reasons
///   2. fewer candidates through the fusion network, down to kLeastFused
///   3. the newest half, quarter, … of the history, down to kLeastEvents,
///      where it is not encoded already
///   4. the match term alone, with the history as long as it may be
/// DeadlineExceeded, with the estimate, when none fits. A fifth of the budget
/// is kept back for what the estimate does not see.
absl::StatusOr<ServicePlan> PlanService(const RequestCosts& costs,
                                        const RequestWork& work,
                                        double budget_ns);

/// The steps that `plan` takes, as an answer names them: "reasons=0",
/// "history_events=50", "fused_candidates=128". Empty where all is done.
std::vector<std::string> DegradedSteps(const ServicePlan& plan,
                                       const RequestWork& work);

}  // namespace attune
