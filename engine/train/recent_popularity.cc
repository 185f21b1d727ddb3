#include "engine/train/recent_popularity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/status_macros.h"

namespace attune {
namespace {

constexpr std::array<double, 4> kHours = {1, 6, 24, 168};
constexpr double kMsPerHour = 3'600'000;
constexpr int kSelectionK = 10;
/// Weights grow by a factor of two per half-life; beyond this many they begin
/// anew, so that none overflows.
constexpr double kMostHalfLives = 500;

std::vector<const Interaction*> PositivesByTime(const Split& split) {
  std::vector<const Interaction*> events;
  for (const Interaction& event : split.events()) {
    if (event.positive) events.push_back(&event);
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Interaction* a, const Interaction* b) {
                     return a->time_ms < b->time_ms;
                   });
  return events;
}

/// Ranks of the cases, in their order. One pass over events and cases by time.
absl::StatusOr<std::vector<TargetRanks>> RankCases(
    const Split& split, std::span<const Interaction* const> events,
    std::span<const EvalCase> cases, double hours,
    const ExecutionContext& context) {
  std::vector<size_t> order(cases.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return cases[a].time_ms < cases[b].time_ms;
  });
  std::vector<TargetRanks> ranks(cases.size());
  std::vector<double> counts(static_cast<size_t>(split.item_count()), 0.0);
  std::vector<float> scores(counts.size());
  std::vector<int32_t> seen;
  size_t next = 0;
  int64_t origin_ms = events.empty() ? 0 : events.front()->time_ms;
  for (const size_t c : order) {
    ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    for (; next < events.size() && events[next]->time_ms < cases[c].time_ms;
         ++next) {
      const Interaction& event = *events[next];
      double age =
          static_cast<double>(event.time_ms - origin_ms) / (hours * kMsPerHour);
      if (age > kMostHalfLives) {
        for (double& count : counts) count *= std::exp2(-age);
        origin_ms = event.time_ms;
        age = 0;
      }
      counts[event.item] += std::exp2(age);
    }
    // The order is the same at any time; a common factor keeps it in range.
    const double most = *std::max_element(counts.begin(), counts.end());
    const double scale = most > 0 ? 1 / most : 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      scores[i] = static_cast<float>(counts[i] * scale);
    }
    split.SeenItems(cases[c], &seen);
    ranks[c] = RankTarget(scores, cases[c].target, split.candidates(), seen);
  }
  return ranks;
}

bool IsTimed(const Split& split) {
  const auto has_time = [](const auto& x) { return x.has_time; };
  return std::all_of(split.events().begin(), split.events().end(), has_time) &&
         std::all_of(split.validation().begin(), split.validation().end(),
                     has_time) &&
         std::all_of(split.test().begin(), split.test().end(), has_time);
}

}  // namespace

absl::StatusOr<std::optional<RecentPopularity>> EvaluateRecentPopularity(
    const Split& split, const ExecutionContext& context, ThreadPool& pool) {
  if (split.events().empty() || !IsTimed(split)) return std::nullopt;
  const std::vector<const Interaction*> events = PositivesByTime(split);
  std::array<absl::Status, kHours.size()> statuses;
  std::array<double, kHours.size()> ndcg = {};
  pool.ParallelFor(kHours.size(), [&](int64_t i) {
    const auto ranks =
        RankCases(split, events, split.validation(), kHours[i], context);
    statuses[i] = ranks.status();
    if (ranks.ok()) ndcg[i] = UnseenNdcg(*ranks, kSelectionK);
  });
  for (const absl::Status& status : statuses) ATTUNE_RETURN_IF_ERROR(status);
  const size_t best = static_cast<size_t>(
      std::max_element(ndcg.begin(), ndcg.end()) - ndcg.begin());
  RecentPopularity result{kHours[best], ndcg[best], {}};
  ATTUNE_ASSIGN_OR_RETURN(result.ranks, RankCases(split, events, split.test(),
                                                  result.hours, context));
  return result;
}

}  // namespace attune
