#include "engine/rank/service_plan.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/rank/ranker.h"

namespace attune {
namespace {

/// Products run in blocks of so many rows.
constexpr int64_t kRowBlock = 32;
constexpr double kUsable = 0.8;  // of the budget

/// Everything but fusion and reasons, with `rows` to encode.
double BaseNs(const RequestCosts& costs, const RequestWork& work,
              int64_t rows) {
  return costs.fixed +
         costs.encoded_row *
             static_cast<double>(std::max<int64_t>(rows, 1) - 1) +
         costs.read_candidate * static_cast<double>(work.candidates) +
         (work.retrieves ? costs.retrieval : 0);
}

double FusionNs(const RequestCosts& costs, int64_t candidates) {
  return costs.fused_candidate * static_cast<double>(candidates);
}

/// Most candidates, in whole blocks, whose fusion takes `ns`.
int64_t FusedWithin(const RequestCosts& costs, const RequestWork& work,
                    double ns) {
  if (FusionNs(costs, work.candidates) <= ns) return work.candidates;
  const double count = std::floor(std::max(ns, 0.0) / costs.fused_candidate);
  return static_cast<int64_t>(count) / kRowBlock * kRowBlock;
}

/// The histories to try, longest first: -1 (all of it), then what is shorter
/// than the rows to be encoded.
std::vector<int64_t> Histories(const RequestWork& work) {
  std::vector<int64_t> events = {-1};
  for (int64_t n = work.window_events / 2; n >= kLeastEvents; n /= 2) {
    if (n < work.rows) events.push_back(n);
  }
  return events;
}

}  // namespace

absl::StatusOr<ServicePlan> PlanService(const RequestCosts& costs,
                                        const RequestWork& work,
                                        double budget_ns) {
  const double usable = kUsable * budget_ns;
  ServicePlan plan;
  plan.fused_candidates = work.candidates;
  plan.reasons = work.explained > 0;
  const double whole =
      BaseNs(costs, work, work.rows) + FusionNs(costs, work.candidates);
  const double tried = static_cast<double>(
      std::min<int64_t>(Ranker::kTriedEvents, work.window_events));
  const double reasons =
      plan.reasons ? tried * (costs.fixed +
                              costs.encoded_row *
                                  static_cast<double>(work.window_events) +
                              FusionNs(costs, work.explained))
                   : 0;
  plan.estimated_ns = whole + reasons;
  if (plan.estimated_ns <= usable) return plan;

  plan.reasons = false;
  const int64_t least = std::min(work.candidates, kLeastFused);
  for (const int64_t most : {least, int64_t{0}}) {
    for (const int64_t events : Histories(work)) {
      const double base = BaseNs(costs, work, events < 0 ? work.rows : events);
      if (base > usable) continue;
      const int64_t fused =
          most == 0 ? 0 : FusedWithin(costs, work, usable - base);
      // Whole blocks: of 100 candidates at least 96.
      if (fused < most / kRowBlock * kRowBlock) continue;
      plan.fused_candidates = fused;
      plan.history_events = events;
      plan.estimated_ns = base + FusionNs(costs, fused);
      return plan;
    }
  }
  const double least_ns =
      BaseNs(costs, work,
             Histories(work).back() < 0 ? work.rows : Histories(work).back());
  return absl::DeadlineExceededError(
      StrCat("the match term alone takes about ", least_ns * 1e-6,
             " ms for these ", work.candidates, " candidates, ",
             std::max(budget_ns, 0.0) * 1e-6, " ms are left"));
}

std::vector<std::string> DegradedSteps(const ServicePlan& plan,
                                       const RequestWork& work) {
  std::vector<std::string> steps;
  if (!plan.reasons && work.explained > 0) steps.emplace_back("reasons=0");
  if (plan.history_events >= 0) {
    steps.push_back(StrCat("history_events=", plan.history_events));
  }
  if (plan.fused_candidates < work.candidates) {
    steps.push_back(StrCat("fused_candidates=", plan.fused_candidates));
  }
  return steps;
}

}  // namespace attune
