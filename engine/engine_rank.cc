// Answering requests.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/catalogue_search.h"
#include "engine/engine_impl.h"
#include "engine/rank/diversity.h"
#include "engine/rank/filters.h"
#include "engine/rank/task_probabilities.h"
#include "engine/rank/top_k.h"
#include "engine/request_checks.h"
#include "engine/retrieval_filter.h"

namespace attune {
namespace {

constexpr int64_t kRetrieve = 1000;  // candidates where a request names none

void ReportFilters(const FilterCounts& counts, v1::RankResponse& response) {
  const int64_t out = counts.excluded_id + counts.unavailable + counts.seen +
                      counts.excluded_category + counts.other_category;
  if (out == 0) return;
  v1::Filtered& filtered = *response.mutable_filtered();
  filtered.set_excluded_id(static_cast<uint32_t>(counts.excluded_id));
  filtered.set_unavailable(static_cast<uint32_t>(counts.unavailable));
  filtered.set_seen(static_cast<uint32_t>(counts.seen));
  filtered.set_excluded_category(
      static_cast<uint32_t>(counts.excluded_category));
  filtered.set_other_category(static_cast<uint32_t>(counts.other_category));
}

}  // namespace

absl::StatusOr<v1::RankResponse> EngineImpl::Rank(
    const v1::RankRequest& request, const CallOptions& options) {
  v1::RankResponse response;
  ATTUNE_RETURN_IF_ERROR(RankInto(request, options, &response));
  return response;
}

absl::Status EngineImpl::RankInto(const v1::RankRequest& request,
                                  const CallOptions& options,
                                  v1::RankResponse* response) {
  const int64_t start = MonotonicNs();
  response->Clear();
  ATTUNE_RETURN_IF_ERROR(CheckRequest(request));
  RefreshIfDue();
  ATTUNE_ASSIGN_OR_RETURN(auto served, models_->Get(request.model()));
  const int64_t now_ms = Now(request.now_ms());
  StageTimes stages = {};
  absl::Status status = WithContext(
      request.deadline_ms(), options, [&](ExecutionContext& context) {
        context.stages.Start(start);
        absl::Status ranked =
            RankWith(context, *served, request, now_ms, *response);
        context.stages.Lap(Stage::kRank);
        stages = context.stages.times();
        return ranked;
      });
  if (options.stages != nullptr) *options.stages = stages;
  stats_.RecordRequest(MonotonicNs() - start, stages,
                       response->candidates_scored(), response->warm(), status);
  return status;
}

std::vector<absl::StatusOr<v1::RankResponse>> EngineImpl::RankMany(
    std::span<const v1::RankRequest* const> requests,
    const CallOptions& options) {
  std::vector<absl::StatusOr<v1::RankResponse>> responses(requests.size());
  CallOptions each = options;
  each.stages = nullptr;  // one place, many requests at a time
  threads_.ParallelFor(static_cast<int64_t>(requests.size()), [&](int64_t i) {
    responses[i] = options.cancelled.IsSet()
                       ? absl::CancelledError("request cancelled by the caller")
                       : Rank(*requests[i], each);
  });
  return responses;
}

absl::StatusOr<absl::flat_hash_set<std::string>> EngineImpl::SeenItems(
    const ExecutionContext& context, const v1::RankRequest& request,
    const v1::History& history) {
  absl::flat_hash_set<std::string> seen;
  if (!request.policy().exclude_seen()) return seen;
  // The history keeps the newest events; the log has them all.
  for (const v1::HistoryEvent& event : history.events()) {
    seen.insert(event.item_id());
  }
  if (!request.has_inline_history() && !request.user_id().empty() &&
      history.count() > history.events_size()) {
    constexpr int64_t kEventsPerLook = 1024;  // at the clock
    int64_t events = 0;
    ATTUNE_RETURN_IF_ERROR(database_->ForEachUserEvent(
        request.user_id(), [&](const v1::Event& event) -> absl::Status {
          if (++events % kEventsPerLook == 0) {
            ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
          }
          if (event.action() != "impression" || event.followed_size() > 0) {
            seen.insert(event.item_id());
          }
          return absl::OkStatus();
        }));
  }
  return seen;
}

absl::Status EngineImpl::RankWith(ExecutionContext& context,
                                  ServedModel& served,
                                  const v1::RankRequest& request,
                                  int64_t now_ms, v1::RankResponse& response) {
  std::optional<ValueFormula> formula;
  if (!request.policy().value_formula().empty()) {
    ATTUNE_ASSIGN_OR_RETURN(
        formula, ValueFormula::Compile(request.policy().value_formula(),
                                       served.model().config().tasks));
  }
  if (request.context_size() > 0) {
    const absl::Status fits =
        served.model().pipeline().CheckContext(request.context());
    if (!fits.ok()) {
      return absl::InvalidArgumentError(
          StrCat("field \"context\": ", ToStd(fits.message())));
    }
  }
  const std::span<std::string_view> ids =
      context.workspace.Allocate<std::string_view>(
          request.candidate_ids_size());
  std::copy(request.candidate_ids().begin(), request.candidate_ids().end(),
            ids.begin());
  Query query;
  query.user_id = request.user_id();
  query.request = &request;
  query.ids = ids;
  query.now_ms = now_ms;
  query.without_state = request.without_state();
  query.formula = formula.has_value() ? &*formula : nullptr;
  RequestWork& work = query.work;
  work.candidates =
      static_cast<int64_t>(ids.size()) + request.candidates_size();
  work.retrieves = work.candidates == 0;
  if (work.retrieves) work.candidates = kRetrieve;
  if (request.explain()) {
    work.explained = request.k() == 0
                         ? work.candidates
                         : std::min<int64_t>(request.k(), work.candidates);
  }
  return WithSession(context, served, query, [&](Prepared& user) {
    return RankPrepared(context, served, query, user, response);
  });
}

absl::Status EngineImpl::RankPrepared(ExecutionContext& context,
                                      ServedModel& served, Query& query,
                                      Prepared& user,
                                      v1::RankResponse& response) {
  const v1::RankRequest& request = *query.request;
  ATTUNE_ASSIGN_OR_RETURN(const absl::flat_hash_set<std::string> seen_ids,
                          SeenItems(context, request, *user.whole_history));
  ScratchPool<Candidates>::Lease lease(candidates_);
  Candidates& candidates = *lease;
  FilterCounts counts;
  if (user.work.retrieves) {
    ATTUNE_RETURN_IF_ERROR(
        Retrieve(context, served, seen_ids, query, user, candidates, counts));
    response.set_retrieved(true);
  }
  ATTUNE_RETURN_IF_ERROR(
      GatherCandidates(context, served, query, *user.resolver, candidates));
  if (user.work.retrieves) {
    candidates.DropUnknown();  // deleted since
    user.work.candidates = static_cast<int64_t>(candidates.ids.size());
  }
  const int64_t total = static_cast<int64_t>(candidates.ids.size());

  const std::span<FilterCandidate> filter_input =
      context.workspace.Allocate<FilterCandidate>(total);
  for (int64_t i = 0; i < total; ++i) {
    FilterCandidate& candidate = filter_input[i];
    candidate = {candidates.ids[i]};
    candidate.unavailable = candidates.items[i]->features.unavailable;
    if (!candidates.records.empty()) {
      candidate.categories = &candidates.records[i].categories();
    }
    if (!candidates.items[i]->known) {
      response.set_unknown_items(response.unknown_items() + 1);
    }
  }
  const IdSet seen = IdSet::Of(seen_ids, context.workspace);
  const CandidateFilter filter(request.policy(), seen, context.workspace);
  std::span<uint8_t> kept = context.workspace.Allocate<uint8_t>(total);
  counts += filter.Apply(filter_input, kept);
  ReportFilters(counts, response);
  context.stages.Lap(Stage::kRank);
  ATTUNE_ASSIGN_OR_RETURN(
      Ranker::Scores scores,
      ScoreCandidates(context, served, query, candidates, user));
  for (int64_t i = 0; i < total; ++i) {
    if (!kept[i]) scores.score[i] = std::numeric_limits<double>::quiet_NaN();
  }

  const int64_t wanted =
      request.k() == 0 ? total : std::min<int64_t>(request.k(), total);
  const bool diverse = request.policy().diversity() > 0;
  const int64_t pool = diverse ? DiversityPool(wanted, total) : 0;
  std::span<int32_t> best =
      context.workspace.Allocate<int32_t>(std::max(wanted, pool));
  best = best.first(TopK(scores.score, candidates.ids, best));
  if (diverse) {
    DiversifyByMmr(request.policy().diversity(), wanted, scores.score, scores.x,
                   context.workspace,
                   best.first(std::min<size_t>(best.size(), pool)));
  }
  best = best.first(std::min<size_t>(best.size(), wanted));
  const TaskProbabilities probabilities(scores.logits, kept);
  for (size_t i = 0; i < best.size(); ++i) {
    v1::RankedItem& item = *response.add_items();
    const int32_t c = best[i];
    // The setter makes a string first, whose memory would be new.
    item.mutable_item_id()->assign(candidates.ids[c]);
    item.set_score(scores.score[c]);
    item.set_rank(static_cast<uint32_t>(i + 1));
    for (int64_t t = 0; t < scores.logits.rows(); ++t) {
      item.add_task_logits(scores.logits(t, c));
      item.add_task_probabilities(probabilities.Of(t, c));
    }
  }
  for (const std::string& task : served.model().config().tasks) {
    response.add_tasks(task);
  }
  response.set_model(served.version());
  response.set_candidates_scored(static_cast<uint32_t>(total));
  response.set_history_length(
      static_cast<uint32_t>(user.session.window_events));
  response.set_warm(user.session.reused_rows > 0);
  response.set_request_id(request.request_id());
  response.set_now_ms(query.now_ms);
  for (std::string& step : DegradedSteps(user.plan, user.work)) {
    response.add_degraded(std::move(step));
  }
  if (!request.explain() || !user.plan.reasons) return absl::OkStatus();
  return Explain(context, served, user, scores, candidates, query.formula, best,
                 response);
}

absl::Status EngineImpl::Retrieve(ExecutionContext& context,
                                  ServedModel& served,
                                  const absl::flat_hash_set<std::string>& seen,
                                  Query& query, Prepared& user,
                                  Candidates& candidates,
                                  FilterCounts& counts) {
  ATTUNE_ASSIGN_OR_RETURN(const std::shared_ptr<const CatalogueView> catalogue,
                          models_->Catalogue(context, served));
  const int64_t start_ns = MonotonicNs();
  const RetrievalFilter filter(query.request->policy(), seen);
  const std::span<float> wanted =
      context.workspace.Allocate<float>(user.session.user.size());
  served.model().scorer().SearchVector(user.session.encoded, user.session.user,
                                       wanted);
  ATTUNE_ASSIGN_OR_RETURN(
      Retrieved retrieved,
      SearchCatalogue(context, *catalogue, served.model().scorer(), wanted,
                      kRetrieve, filter));
  served.costs().NoteRetrieval(MonotonicNs() - start_ns);
  candidates.retrieved = std::move(retrieved.ids);
  candidates.retrieved_views.assign(candidates.retrieved.begin(),
                                    candidates.retrieved.end());
  query.ids = candidates.retrieved_views;
  counts = retrieved.counts;
  counts.kept = 0;
  return absl::OkStatus();
}

absl::Status EngineImpl::RankIds(
    std::string_view user_id, std::span<const std::string_view> candidate_ids,
    std::span<float> scores, const RankIdsOptions& options) {
  if (candidate_ids.size() != scores.size()) {
    return absl::InvalidArgumentError(StrCat(candidate_ids.size(),
                                             " candidate ids, but room for ",
                                             scores.size(), " scores"));
  }
  ATTUNE_RETURN_IF_ERROR(
      CheckCandidateCount(static_cast<int64_t>(candidate_ids.size())));
  ATTUNE_RETURN_IF_ERROR(CheckTimes(options.now_ms, options.deadline_ms));
  const int64_t start = MonotonicNs();
  RefreshIfDue();
  ATTUNE_ASSIGN_OR_RETURN(auto served, models_->Get(options.model));
  if (options.degraded != nullptr) *options.degraded = 0;
  if (candidate_ids.empty()) return absl::OkStatus();
  Query query;
  query.user_id = user_id;
  query.ids = candidate_ids;
  query.now_ms = Now(options.now_ms);
  query.without_state = options.without_state;
  query.work.candidates = static_cast<int64_t>(candidate_ids.size());
  bool warm = false;
  uint32_t degraded = 0;
  StageTimes stages = {};
  absl::Status status = WithContext(
      options.deadline_ms, {.cancelled = options.cancelled},
      [&](ExecutionContext& context) {
        context.stages.Start(start);
        absl::Status scored = WithSession(
            context, *served, query, [&](Prepared& user) -> absl::Status {
              warm = user.session.reused_rows > 0;
              ScratchPool<Candidates>::Lease lease(candidates_);
              Candidates& candidates = *lease;
              ATTUNE_RETURN_IF_ERROR(GatherCandidates(
                  context, *served, query, *user.resolver, candidates));
              ATTUNE_ASSIGN_OR_RETURN(
                  Ranker::Scores result,
                  ScoreCandidates(context, *served, query, candidates, user));
              for (size_t i = 0; i < scores.size(); ++i) {
                const bool hidden = candidates.items[i]->features.unavailable;
                scores[i] = hidden ? std::numeric_limits<float>::quiet_NaN()
                                   : static_cast<float>(result.score[i]);
              }
              if (user.plan.history_events >= 0) degraded |= kDegradedHistory;
              if (user.plan.fused_candidates < user.work.candidates) {
                degraded |= user.plan.fused_candidates > 0 ? kDegradedCandidates
                                                           : kDegradedToMatch;
              }
              return absl::OkStatus();
            });
        context.stages.Lap(Stage::kRank);
        stages = context.stages.times();
        return scored;
      });
  if (options.degraded != nullptr) *options.degraded = degraded;
  stats_.RecordRequest(MonotonicNs() - start, stages,
                       static_cast<int64_t>(scores.size()), warm, status);
  return status;
}

absl::Status EngineImpl::PrefetchUser(std::string_view user_id,
                                      std::string_view model) {
  RefreshIfDue();
  ATTUNE_ASSIGN_OR_RETURN(auto served, models_->Get(model));
  Query query;
  query.user_id = user_id;
  query.now_ms = WallClockMs();
  return WithContext(0, {}, [&](ExecutionContext& context) {
    return WithSession(context, *served, query,
                       [](Prepared&) { return absl::OkStatus(); });
  });
}

}  // namespace attune
