// What a request needs before it can be scored.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/parallel.h"
#include "base/status_macros.h"
#include "engine/engine_impl.h"
#include "engine/rank/inline_items.h"

namespace attune {
namespace {

using std::chrono::steady_clock;

/// A budget of a year is none; added to the clock, the largest would overflow.
constexpr int64_t kNoDeadlineMs = 365LL * 24 * 3600 * 1000;

/// The newest events, as the history of a user who has no others.
v1::History Newest(const v1::History& history, int64_t events) {
  v1::History newest;
  const int64_t stored = history.events_size();
  for (int64_t i = stored - events; i < stored; ++i) {
    *newest.add_events() = history.events(static_cast<int>(i));
  }
  newest.set_count(events);
  newest.set_epoch(history.epoch());
  return newest;
}

}  // namespace

absl::Status EngineImpl::WithContext(
    int64_t deadline_ms, const CallOptions& options,
    absl::FunctionRef<absl::Status(ExecutionContext&)> body) {
  ContextPool::Lease context(contexts_);
  context->cancelled = options.cancelled;
  context->deadline = steady_clock::time_point::max();
  if (deadline_ms > 0 && deadline_ms < kNoDeadlineMs) {
    context->deadline = options.begin.value_or(steady_clock::now()) +
                        std::chrono::milliseconds(deadline_ms);
  }
  absl::Status status;
  RunSerial([&] { status = body(*context); });
  return status;
}

absl::Status EngineImpl::ReadUser(const Query& query, bool inline_history,
                                  const KeptState& kept) {
  if (query.user_id.empty()) return absl::OkStatus();
  // Before reading: a write in between makes the next request read again.
  const uint64_t record = user_versions_.OfRecord(query.user_id);
  const uint64_t history = user_versions_.OfHistory(query.user_id);
  if (!inline_history && kept.history_version != history) {
    kept.history_version = 0;
    ATTUNE_RETURN_IF_ERROR(
        database_->ReadHistory(query.user_id, &kept.history));
    kept.history_version = history;
  }
  if (kept.record_version != record) {
    kept.record_version = 0;
    kept.user_features.reset();
    ATTUNE_ASSIGN_OR_RETURN(kept.record, database_->GetUser(query.user_id));
    kept.record_version = record;
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::WithSession(ExecutionContext& context,
                                     ServedModel& served, const Query& query,
                                     SessionFunction body) {
  const int64_t start_ns = MonotonicNs();
  const bool inline_history =
      query.request != nullptr && query.request->has_inline_history();
  // Inline items are no part of what a user costs: the next may bring none.
  const int64_t inline_ns = MonotonicNs();
  std::unique_ptr<InlineItems> inline_items;
  ItemResolver* resolver = &served.items();
  if (query.request != nullptr && (query.request->candidates_size() > 0 ||
                                   query.request->history_items_size() > 0)) {
    ATTUNE_ASSIGN_OR_RETURN(
        inline_items, InlineItems::Create(served.model(), context,
                                          *query.request, &served.items()));
    resolver = inline_items.get();
  }
  const int64_t embedded_ns = MonotonicNs() - inline_ns;

  std::shared_ptr<const KeptState> kept;
  const bool keep =
      !inline_history && !query.without_state && !query.user_id.empty();
  if (keep) kept = states_.Get(served.version(), query.user_id);
  const bool found = kept != nullptr;
  if (!found) kept = std::make_shared<KeptState>(served.model().config());
  PatientLock::Hold hold;
  const int64_t wait_ns = MonotonicNs();
  ATTUNE_RETURN_IF_ERROR(hold.Acquire(kept->lock, context));
  const int64_t waited_ns = MonotonicNs() - wait_ns;

  ATTUNE_RETURN_IF_ERROR(ReadUser(query, inline_history, *kept));
  const v1::History& history =
      inline_history ? query.request->inline_history() : kept->history;
  const std::optional<v1::User>& stored = kept->record;
  const v1::User* record = stored.has_value() ? &*stored : nullptr;
  if (record == nullptr && query.request != nullptr &&
      query.request->has_inline_user()) {
    record = &query.request->inline_user();
  }

  Prepared user;
  user.resolver = resolver;
  user.whole_history = &history;
  user.work = query.work;
  user.work.rows = served.ranker().RowsToEncode(history, *kept);
  user.work.window_events =
      std::min<int64_t>(history.events_size(), served.model().config().window);
  ATTUNE_ASSIGN_OR_RETURN(user.plan, Plan(context, served, user.work));
  context.stages.Lap(Stage::kRead);
  v1::History newest;
  std::shared_ptr<const KeptState> state = kept;
  const bool shortened = user.plan.history_events >= 0;
  if (shortened) {
    newest = Newest(history, user.plan.history_events);
    state = std::make_shared<KeptState>(served.model().config());
  }
  user.request.history = shortened ? &newest : &history;
  user.request.user = record;
  user.request.now_ms = query.now_ms;
  features::ContextFeatures given;
  if (query.request != nullptr && query.request->context_size() > 0) {
    served.model().pipeline().EncodeContext(query.request->context(), &given);
    user.request.context = &given;
  }
  const int64_t rows =
      served.ranker().RowsToEncode(*user.request.history, *state);
  ATTUNE_RETURN_IF_ERROR(served.ranker().Begin(context, user.request, *resolver,
                                               *state, user.session));
  if (keep && !shortened && user.session.window_events > 0 &&
      (kept->Recount() || !found)) {
    states_.Put(served.version(), query.user_id, kept);
  }
  served.costs().NoteUser(rows,
                          MonotonicNs() - start_ns - embedded_ns - waited_ns);
  return body(user);
}

absl::StatusOr<ServicePlan> EngineImpl::Plan(const ExecutionContext& context,
                                             const ServedModel& served,
                                             const RequestWork& work) const {
  ServicePlan everything;
  everything.fused_candidates = work.candidates;
  if (context.deadline == steady_clock::time_point::max()) return everything;
  ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
      context.deadline - steady_clock::now());
  const RequestCosts costs = options_.planning_costs.has_value()
                                 ? *options_.planning_costs
                                 : served.costs().costs();
  return PlanService(costs, work, static_cast<double>(left.count()));
}

void EngineImpl::Candidates::Reset() {
  ids.clear();
  items.clear();  // holds nothing that a write has replaced
  pin.reset();
  counters.clear();
  records.clear();
  retrieved.clear();
  retrieved_views.clear();
}

bool EngineImpl::Candidates::worth_keeping() const {
  constexpr size_t kMost = 8192;  // a megabyte
  return ids.capacity() <= kMost;
}

void EngineImpl::Candidates::DropUnknown() {
  size_t kept = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!items[i]->known) continue;
    ids[kept] = ids[i];
    if (!records.empty()) std::swap(records[kept], records[i]);
    items[kept] = items[i];
    counters[kept] = counters[i];
    ++kept;
  }
  ids.resize(kept);
  if (!records.empty()) records.resize(kept);
  items.resize(kept);
  counters.resize(kept);
}

absl::Status EngineImpl::GatherCandidates(ExecutionContext& context,
                                          ServedModel& served,
                                          const Query& query,
                                          ItemResolver& resolver,
                                          Candidates& candidates) {
  const int64_t start_ns = MonotonicNs();
  ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
  std::vector<std::string_view>& ids = candidates.ids;
  ids.assign(query.ids.begin(), query.ids.end());
  const size_t stored = ids.size();
  if (query.request != nullptr) {
    for (const v1::Item& item : query.request->candidates()) {
      ids.push_back(item.item_id());
    }
  }
  candidates.items.resize(ids.size());
  candidates.counters.resize(ids.size());
  const std::span<const std::string_view> all = ids;
  const std::span items(candidates.items);
  const std::span counters(candidates.counters);
  candidates.pin.emplace(served.items().pinnable());
  ATTUNE_RETURN_IF_ERROR(served.items().ResolveCounted(
      context, all.first(stored), *candidates.pin, items.first(stored),
      counters.first(stored)));
  if (stored < ids.size()) {
    ATTUNE_RETURN_IF_ERROR(
        resolver.Resolve(context, all.subspan(stored), items.subspan(stored)));
    ATTUNE_RETURN_IF_ERROR(served.items().ReadCounters(
        all.subspan(stored), counters.subspan(stored)));
  }
  if (query.request != nullptr &&
      CandidateFilter::NeedsCategories(query.request->policy())) {
    candidates.records.resize(ids.size());
    ATTUNE_RETURN_IF_ERROR(database_->MultiGetRecords(
        all.first(stored), [&](size_t i, v1::Item record) {
          candidates.records[i] = std::move(record);
        }));
    for (size_t i = stored; i < ids.size(); ++i) {
      candidates.records[i] =
          query.request->candidates(static_cast<int>(i - stored));
    }
  }
  served.costs().NoteRead(static_cast<int64_t>(ids.size()),
                          MonotonicNs() - start_ns);
  context.stages.Lap(Stage::kRead);
  return absl::OkStatus();
}

absl::StatusOr<Ranker::Scores> EngineImpl::ScoreCandidates(
    ExecutionContext& context, ServedModel& served, const Query& query,
    const Candidates& candidates, Prepared& user) {
  const int64_t start_ns = MonotonicNs();
  const ScoringInput input = {candidates.ids, candidates.items,
                              candidates.counters, query.formula};
  absl::StatusOr<Ranker::Scores> scores =
      scoring_.ScoreBest(context, served.ranker(), user.session, input,
                         user.plan.fused_candidates);
  if (scores.ok()) {
    const int64_t count = static_cast<int64_t>(candidates.ids.size());
    served.costs().NoteFusion(std::min(user.plan.fused_candidates, count),
                              MonotonicNs() - start_ns);
  } else if (absl::IsDeadlineExceeded(scores.status())) {
    // It took longer than estimated. The match term is at hand and costs next
    // to nothing: a late answer that says so is worth more than none.
    user.plan.fused_candidates = 0;
    user.plan.reasons = false;
    return served.ranker().Match(context, user.session, candidates.items,
                                 query.formula);
  }
  return scores;
}

}  // namespace attune
