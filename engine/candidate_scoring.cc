#include "engine/candidate_scoring.h"

#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "engine/rank/top_k.h"

namespace attune {
namespace {

/// Candidates per task: enough that a task outweighs its start, a multiple of
/// the products' blocks.
constexpr int64_t kShare = 512;

}  // namespace

absl::StatusOr<Ranker::Scores> CandidateScoring::ScoreAll(
    ExecutionContext& context, const Ranker& ranker,
    const Ranker::Session& session, const ScoringInput& input) const {
  const int64_t count = static_cast<int64_t>(input.items.size());
  if (threads_.threads() == 1 || count < 2 * kShare) {
    return ranker.Score(context, session, input.items, input.counters,
                        input.formula);
  }
  ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
  Ranker::Scores scores =
      ranker.Match(context, session, input.items, input.formula);
  const int64_t shares = (count + kShare - 1) / kShare;
  std::vector<absl::Status> results(shares);
  std::vector<StageTimes> work(shares);
  threads_.ParallelFor(shares, [&](int64_t share) {
    results[share] = [&]() -> absl::Status {
      ContextPool::Lease own(contexts_);
      own->deadline = context.deadline;
      own->cancelled = context.cancelled;
      if (context.stages.running()) own->stages.Start(MonotonicNs());
      const int64_t begin = share * kShare;
      const int64_t size = std::min(kShare, count - begin);
      ATTUNE_ASSIGN_OR_RETURN(
          const Ranker::Scores part,
          ranker.Score(*own, session, input.items.subspan(begin, size),
                       input.counters.subspan(begin, size), input.formula));
      for (int64_t i = 0; i < size; ++i) {
        std::copy_n(part.fusion.row(i), part.fusion.cols(),
                    scores.fusion.row(begin + i));
      }
      work[share] = own->stages.times();
      return absl::OkStatus();
    }();
  });
  StageTimes together = {};
  for (const StageTimes& part : work) {
    for (size_t s = 0; s < kRequestStages; ++s) together[s] += part[s];
  }
  context.stages.LapAs(together);
  for (const absl::Status& result : results) ATTUNE_RETURN_IF_ERROR(result);
  ranker.Finish(input.items, input.formula, scores);
  context.stages.Lap(Stage::kFuse);
  return scores;
}

absl::StatusOr<Ranker::Scores> CandidateScoring::ScoreBest(
    ExecutionContext& context, const Ranker& ranker,
    const Ranker::Session& session, const ScoringInput& input,
    int64_t fused) const {
  const int64_t count = static_cast<int64_t>(input.items.size());
  if (fused >= count) return ScoreAll(context, ranker, session, input);
  Ranker::Scores scores =
      ranker.Match(context, session, input.items, input.formula);
  if (fused <= 0) return scores;

  std::span<double> match = context.workspace.Allocate<double>(count);
  std::copy(scores.match.begin(), scores.match.end(), match.begin());
  if (!session.encoded.context.empty()) {
    const float weight = ranker.model().config().fusion_weight;
    for (int64_t i = 0; i < count; ++i)
      match[i] += weight * scores.fusion(i, 0);
  }
  std::span<int32_t> best = context.workspace.Allocate<int32_t>(fused);
  best = best.first(TopK(match, input.ids, best));
  std::vector<std::shared_ptr<const ModelItem>> items;
  std::vector<features::ItemCounters> counters;
  std::vector<std::string_view> ids;
  for (const int32_t i : best) {
    items.push_back(input.items[i]);
    counters.push_back(input.counters[i]);
    ids.push_back(input.ids[i]);
  }
  ATTUNE_ASSIGN_OR_RETURN(const Ranker::Scores part,
                          ScoreAll(context, ranker, session,
                                   {ids, items, counters, input.formula}));
  const int64_t tasks = part.fusion.cols();
  for (int64_t t = 0; t < tasks; ++t) {
    float least = part.fusion(0, t);
    for (int64_t i = 1; i < part.fusion.rows(); ++i) {
      least = std::min(least, part.fusion(i, t));
    }
    for (int64_t i = 0; i < count; ++i) scores.fusion(i, t) = least;
    for (size_t i = 0; i < best.size(); ++i) {
      scores.fusion(best[i], t) = part.fusion(i, t);
    }
  }
  ranker.Finish(input.items, input.formula, scores);
  context.stages.Lap(Stage::kFuse);
  return scores;
}

}  // namespace attune
