#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/parallel.h"
#include "engine/context_pool.h"
#include "engine/rank/ranker.h"

namespace attune {

/// A request's candidates, as the ranker takes them.
struct ScoringInput {
  std::span<const std::string_view> ids;  ///< for ties
  std::span<const std::shared_ptr<const ModelItem>> items;
  std::span<const features::ItemCounters> counters;
  const ValueFormula* formula = nullptr;  ///< null: the model's own
};

/// Scores candidates, all of them or the best by the match term, on one thread
/// or several: a score does not depend on the others, so that its bits are the
/// same in any case. Thread-safe.
class CandidateScoring {
 public:
  /// Both must outlive the object.
  CandidateScoring(ThreadPool& threads, ContextPool& contexts)
      : threads_(threads), contexts_(contexts) {}

  /// All candidates. Candidates in thousands are spread over the threads.
  absl::StatusOr<Ranker::Scores> ScoreAll(ExecutionContext& context,
                                          const Ranker& ranker,
                                          const Ranker::Session& session,
                                          const ScoringInput& input) const;

  /// The `fused` best by the match term are scored as in ScoreAll. The others
  /// stand behind them in the order of their match: for each task, they are
  /// given the least fusion of those that went through the network.
  absl::StatusOr<Ranker::Scores> ScoreBest(ExecutionContext& context,
                                           const Ranker& ranker,
                                           const Ranker::Session& session,
                                           const ScoringInput& input,
                                           int64_t fused) const;

 private:
  ThreadPool& threads_;
  ContextPool& contexts_;
};

}  // namespace attune
