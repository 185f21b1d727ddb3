#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/context_pool.h"
#include "engine/engine_stats.h"
#include "engine/ingest/database_schema.h"
#include "engine/ingest/event_writer.h"
#include "engine/model_registry.h"
#include "engine/rank/diversity.h"
#include "engine/rank/filters.h"
#include "engine/rank/inline_items.h"
#include "engine/rank/top_k.h"
#include "storage/database.h"

namespace attune {
namespace {

constexpr int64_t kRetrieve = 1000;  // candidates where a request names none
constexpr int kReasons = 3;          // history events per explanation
constexpr int64_t kRefreshEveryMs = 1000;
constexpr int kMaxCandidates = 100000;

using std::chrono::steady_clock;

class EngineImpl final : public Engine {
 public:
  explicit EngineImpl(EngineOptions options)
      : options_(std::move(options)),
        states_(options_.memory_limit_bytes / 4,
                [](const KeptState& state) { return state.size_bytes(); }) {}

  absl::Status Open();

  absl::StatusOr<v1::RankResponse> Rank(const v1::RankRequest& request,
                                        const CallOptions& options) override;
  absl::Status RankIds(std::string_view user_id,
                       std::span<const std::string_view> candidate_ids,
                       std::span<float> scores,
                       const RankIdsOptions& options) override;
  absl::Status PutItems(std::span<const v1::Item> items, bool sync) override;
  absl::Status PutUsers(std::span<const v1::User> users, bool sync) override;
  absl::Status PutEvents(std::span<const v1::Event> events, bool sync) override;
  absl::Status DeleteItem(std::string_view item_id) override;
  absl::Status DeleteUser(std::string_view user_id) override;
  absl::Status DeleteUserEvents(std::string_view user_id,
                                std::string_view item_id) override;
  absl::Status PrefetchUser(std::string_view user_id,
                            std::string_view model) override;
  absl::Status ReloadModel(const std::string& directory) override;
  absl::Status RollbackModel() override;
  absl::Status Refresh() override;
  std::string Stats(StatsFormat format) const override;

 private:
  /// What scoring needs of a request, whichever call it came by.
  struct Query {
    std::string_view user_id;
    const v1::RankRequest* request = nullptr;  ///< inline parts and policy
    std::span<const std::string_view> ids;     ///< stored candidates
    int64_t now_ms = 0;
    bool without_state = false;
    const ValueFormula* formula = nullptr;
  };
  struct Candidates {
    std::vector<std::string_view> ids;
    std::vector<std::shared_ptr<const storage::ItemRow>> rows;
    std::vector<const v1::Item*> records;  ///< null: unknown
    std::vector<std::shared_ptr<const ModelItem>> items;
    std::vector<const v1::Counters*> counters;
    std::vector<std::string> retrieved;  ///< owns retrieved ids
  };
  using SessionFunction = absl::FunctionRef<absl::Status(
      ItemResolver&, const Ranker::Request&, const Ranker::Session&)>;

  absl::Status WithContext(
      int64_t deadline_ms, const std::atomic<bool>* cancelled,
      absl::FunctionRef<absl::Status(ExecutionContext&)> body);
  absl::Status WithSession(ExecutionContext& context, ServedModel& served,
                           const Query& query, SessionFunction body);
  absl::Status GatherCandidates(ExecutionContext& context, ServedModel& served,
                                const Query& query, ItemResolver& resolver,
                                Candidates& candidates);
  absl::Status RankInto(ExecutionContext& context, ServedModel& served,
                        const v1::RankRequest& request, int64_t now_ms,
                        v1::RankResponse& response);
  absl::Status Explain(ExecutionContext& context, ServedModel& served,
                       const Ranker::Request& request, ItemResolver& resolver,
                       const Ranker::Session& session,
                       const Ranker::Scores& scores,
                       const Candidates& candidates,
                       const ValueFormula* formula,
                       std::span<const int32_t> best,
                       v1::RankResponse& response);
  absl::Status RefreshIfDue();
  absl::Status CheckWriter() const;
  int64_t Now(int64_t now_ms) const {
    return now_ms != 0 ? now_ms : WallClockMs();
  }

  const EngineOptions options_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ModelRegistry> models_;
  StateCache<KeptState> states_;
  ContextPool contexts_;
  std::mutex write_mutex_;
  features::Schema schema_;  // guarded by write_mutex_
  std::atomic<int64_t> refreshed_ms_{0};
  mutable EngineStats stats_;
};

absl::Status EngineImpl::Open() {
  storage::OpenOptions open;
  open.path = options_.database_path;
  open.mode = options_.mode == EngineOptions::Mode::kOwner
                  ? storage::OpenOptions::Mode::kWriter
                  : storage::OpenOptions::Mode::kFollower;
  open.create_if_missing = options_.create_if_missing;
  // A quarter of the ceiling for kept states (see the constructor), an eighth
  // for item vectors of each of two models; the rest is the store's.
  open.block_cache_bytes = options_.memory_limit_bytes / 8;
  open.row_cache_bytes = options_.memory_limit_bytes / 8;
  open.write_buffer_bytes =
      std::max<size_t>(options_.memory_limit_bytes / 16, size_t{4} << 20);
  open.log = options_.log;
  ATTUNE_ASSIGN_OR_RETURN(database_, storage::Database::Open(open));
  ATTUNE_ASSIGN_OR_RETURN(schema_, LoadSchema(*database_));
  ModelRegistry::Options registry;
  registry.model.backend = options_.backend;
  registry.model.precision = options_.precision;
  registry.item_cache_bytes = options_.memory_limit_bytes / 8;
  models_ = std::make_unique<ModelRegistry>(*database_, registry);
  if (!options_.model_directory.empty()) {
    return models_->ServeDirectory(options_.model_directory);
  }
  return models_->LoadCurrent();
}

absl::Status EngineImpl::WithContext(
    int64_t deadline_ms, const std::atomic<bool>* cancelled,
    absl::FunctionRef<absl::Status(ExecutionContext&)> body) {
  ContextPool::Lease context(contexts_);
  context->cancelled = cancelled;
  context->deadline =
      deadline_ms > 0
          ? steady_clock::now() + std::chrono::milliseconds(deadline_ms)
          : steady_clock::time_point::max();
  absl::Status status;
  RunSerial([&] { status = body(*context); });
  return status;
}

absl::Status EngineImpl::WithSession(ExecutionContext& context,
                                     ServedModel& served, const Query& query,
                                     SessionFunction body) {
  const bool inline_history =
      query.request != nullptr && query.request->has_inline_history();
  v1::History history;
  if (inline_history) {
    history = query.request->inline_history();
  } else if (!query.user_id.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(history, database_->GetHistory(query.user_id));
  }
  std::optional<v1::User> user;
  if (!query.user_id.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(user, database_->GetUser(query.user_id));
  }
  if (!user.has_value() && query.request != nullptr &&
      query.request->has_inline_user()) {
    user = query.request->inline_user();
  }

  std::unique_ptr<InlineItems> inline_items;
  ItemResolver* resolver = &served.items();
  if (query.request != nullptr && (query.request->candidates_size() > 0 ||
                                   query.request->history_items_size() > 0)) {
    ATTUNE_ASSIGN_OR_RETURN(
        inline_items, InlineItems::Create(served.model(), context,
                                          *query.request, &served.items()));
    resolver = inline_items.get();
  }

  std::shared_ptr<const KeptState> kept;
  const bool keep =
      !inline_history && !query.without_state && !query.user_id.empty();
  if (keep) kept = states_.Get(served.version(), query.user_id);
  const bool found = kept != nullptr;
  if (!found) kept = std::make_shared<KeptState>(served.model().config());
  std::lock_guard<std::mutex> lock(kept->mutex);
  Ranker::Request inner;
  inner.history = &history;
  inner.user = user.has_value() ? &*user : nullptr;
  inner.now_ms = query.now_ms;
  Ranker::Session session;
  ATTUNE_RETURN_IF_ERROR(
      served.ranker().Begin(context, inner, *resolver, *kept, session));
  if (keep && !found && session.window_events > 0) {
    states_.Put(served.version(), query.user_id, kept);
  }
  return body(*resolver, inner, session);
}

absl::Status EngineImpl::GatherCandidates(ExecutionContext& context,
                                          ServedModel& served,
                                          const Query& query,
                                          ItemResolver& resolver,
                                          Candidates& candidates) {
  std::vector<std::string_view>& ids = candidates.ids;
  ids.assign(query.ids.begin(), query.ids.end());
  const size_t stored = ids.size();
  if (query.request != nullptr) {
    for (const v1::Item& item : query.request->candidates()) {
      ids.push_back(item.item_id());
    }
  }
  candidates.rows.resize(ids.size());
  candidates.items.resize(ids.size());
  candidates.records.resize(ids.size());
  candidates.counters.resize(ids.size());
  ATTUNE_RETURN_IF_ERROR(database_->MultiGetItems(ids, candidates.rows));
  const std::span<std::string_view> stored_ids = std::span(ids).first(stored);
  ATTUNE_RETURN_IF_ERROR(served.items().ResolveRows(
      context, stored_ids, std::span(candidates.rows).first(stored),
      std::span(candidates.items).first(stored)));
  if (stored < ids.size()) {
    ATTUNE_RETURN_IF_ERROR(
        resolver.Resolve(context, std::span(ids).subspan(stored),
                         std::span(candidates.items).subspan(stored)));
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    candidates.records[i] =
        i < stored ? candidates.rows[i]->item.get()
                   : &query.request->candidates(static_cast<int>(i - stored));
    candidates.counters[i] = &candidates.rows[i]->counters;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::RankResponse> EngineImpl::Rank(
    const v1::RankRequest& request, const CallOptions& options) {
  const int64_t start = MonotonicNs();
  ATTUNE_RETURN_IF_ERROR(RefreshIfDue());
  const int64_t count =
      int64_t{request.candidate_ids_size()} + request.candidates_size();
  if (count > kMaxCandidates) {
    return absl::InvalidArgumentError(StrCat("field \"candidates\": ", count,
                                             " candidates, at most ",
                                             kMaxCandidates, " per request"));
  }
  for (const v1::Item& item : request.candidates()) {
    if (item.item_id().empty()) {
      return absl::InvalidArgumentError(
          "field \"candidates\": an item without item_id");
    }
  }
  ATTUNE_ASSIGN_OR_RETURN(auto served, models_->Get(request.model()));
  v1::RankResponse response;
  const int64_t now_ms = Now(request.now_ms());
  absl::Status status = WithContext(
      request.deadline_ms(), options.cancelled, [&](ExecutionContext& context) {
        return RankInto(context, *served, request, now_ms, response);
      });
  stats_.RecordRequest(MonotonicNs() - start, response.candidates_scored(),
                       response.warm(), status);
  ATTUNE_RETURN_IF_ERROR(status);
  return response;
}

absl::Status EngineImpl::RankInto(ExecutionContext& context,
                                  ServedModel& served,
                                  const v1::RankRequest& request,
                                  int64_t now_ms, v1::RankResponse& response) {
  std::optional<ValueFormula> formula;
  if (!request.policy().value_formula().empty()) {
    ATTUNE_ASSIGN_OR_RETURN(
        formula, ValueFormula::Compile(request.policy().value_formula(),
                                       served.model().config().tasks));
  }
  std::vector<std::string_view> ids(request.candidate_ids().begin(),
                                    request.candidate_ids().end());
  Query query;
  query.user_id = request.user_id();
  query.request = &request;
  query.ids = ids;
  query.now_ms = now_ms;
  query.without_state = request.without_state();
  query.formula = formula.has_value() ? &*formula : nullptr;
  return WithSession(
      context, served, query,
      [&](ItemResolver& resolver, const Ranker::Request& inner,
          const Ranker::Session& session) -> absl::Status {
        const v1::History& history = *inner.history;
        Candidates candidates;
        absl::flat_hash_set<std::string> seen_ids;
        if (request.policy().exclude_seen()) {
          // The history keeps the newest events; the log has them all.
          for (const v1::HistoryEvent& event : history.events()) {
            seen_ids.insert(event.item_id());
          }
          if (!request.has_inline_history() && !request.user_id().empty() &&
              history.count() > history.events_size()) {
            ATTUNE_RETURN_IF_ERROR(database_->ForEachUserEvent(
                request.user_id(), [&](const v1::Event& event) -> absl::Status {
                  if (event.action() != "impression" ||
                      event.followed_size() > 0) {
                    seen_ids.insert(event.item_id());
                  }
                  return absl::OkStatus();
                }));
          }
        }
        if (ids.empty() && request.candidates_size() == 0) {
          ATTUNE_ASSIGN_OR_RETURN(
              candidates.retrieved,
              served.index().Best(context, session.user, kRetrieve, seen_ids));
          ids.assign(candidates.retrieved.begin(), candidates.retrieved.end());
          query.ids = ids;
          response.set_retrieved(true);
        }
        ATTUNE_RETURN_IF_ERROR(
            GatherCandidates(context, served, query, resolver, candidates));
        const size_t total = candidates.ids.size();

        std::vector<FilterCandidate> filter_input;
        filter_input.reserve(total);
        for (size_t i = 0; i < total; ++i) {
          filter_input.push_back(
              FilterCandidate::Of(candidates.ids[i], candidates.records[i]));
          if (candidates.records[i] == nullptr) {
            response.set_unknown_items(response.unknown_items() + 1);
          }
        }
        const IdSet seen = IdSet::Of(seen_ids, context.workspace);
        const CandidateFilter filter(request.policy(), seen, context.workspace);
        std::span<uint8_t> kept =
            context.workspace.Allocate<uint8_t>(static_cast<int64_t>(total));
        filter.Apply(filter_input, kept);
        ATTUNE_ASSIGN_OR_RETURN(
            Ranker::Scores scores,
            served.ranker().Score(context, session, candidates.items,
                                  candidates.counters, query.formula));
        for (size_t i = 0; i < total; ++i) {
          if (!kept[i]) {
            scores.score[i] = std::numeric_limits<double>::quiet_NaN();
          }
        }

        const int64_t wanted =
            request.k() == 0
                ? static_cast<int64_t>(total)
                : std::min<int64_t>(request.k(), static_cast<int64_t>(total));
        const bool diverse = request.policy().diversity() > 0;
        const int64_t pool =
            diverse ? DiversityPool(wanted, static_cast<int64_t>(total))
                    : wanted;
        std::span<int32_t> best = context.workspace.Allocate<int32_t>(pool);
        best = best.first(TopK(scores.score, candidates.ids, best));
        if (diverse) {
          DiversifyByMmr(request.policy().diversity(), wanted, scores.score,
                         scores.x, context.workspace, best);
        }
        best = best.first(std::min<size_t>(best.size(), wanted));
        for (size_t i = 0; i < best.size(); ++i) {
          v1::RankedItem& item = *response.add_items();
          const int32_t c = best[i];
          item.set_item_id(std::string(candidates.ids[c]));
          item.set_score(scores.score[c]);
          item.set_rank(static_cast<uint32_t>(i + 1));
          for (int64_t t = 0; t < scores.logits.rows(); ++t) {
            const double logit = scores.logits(t, c);
            item.add_task_logits(logit);
            item.add_task_probabilities(1.0 / (1.0 + std::exp(-logit)));
          }
        }
        for (const std::string& task : served.model().config().tasks) {
          response.add_tasks(task);
        }
        response.set_model(served.version());
        response.set_candidates_scored(static_cast<uint32_t>(total));
        response.set_history_length(
            static_cast<uint32_t>(session.window_events));
        response.set_warm(session.reused_rows > 0);
        response.set_request_id(request.request_id());
        response.set_now_ms(now_ms);
        if (!request.explain()) return absl::OkStatus();
        return Explain(context, served, inner, resolver, session, scores,
                       candidates, query.formula, best, response);
      });
}

absl::Status EngineImpl::Explain(
    ExecutionContext& context, ServedModel& served,
    const Ranker::Request& request, ItemResolver& resolver,
    const Ranker::Session& session, const Ranker::Scores& scores,
    const Candidates& candidates, const ValueFormula* formula,
    std::span<const int32_t> best, v1::RankResponse& response) {
  const v1::History& history = *request.history;
  const int64_t events = session.window_events;
  const int64_t count = static_cast<int64_t>(best.size());
  std::vector<std::shared_ptr<const ModelItem>> items;
  std::vector<const v1::Counters*> counters;
  for (int32_t c : best) {
    items.push_back(candidates.items[c]);
    counters.push_back(candidates.counters[c]);
  }
  ATTUNE_ASSIGN_OR_RETURN(
      const Ranker::Effects effects,
      served.ranker().Explain(context, request, resolver, session, items,
                              counters, formula));
  const float weight = served.model().config().fusion_weight;
  for (int64_t i = 0; i < count; ++i) {
    v1::Explanation& explanation =
        *response.mutable_items(static_cast<int>(i))->mutable_explanation();
    explanation.set_match_part(scores.match[best[i]]);
    explanation.set_fusion_part(weight * scores.fusion(best[i], 0));
    std::vector<int64_t> order(events);
    for (int64_t e = 0; e < events; ++e) order[e] = e;
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return effects.effect(i, a) > effects.effect(i, b);
    });
    for (int64_t r = 0; r < std::min<int64_t>(kReasons, events); ++r) {
      // An event without which the candidate would stand higher is no reason.
      if (effects.effect(i, order[r]) <= 0) break;
      const int64_t position = session.window_begin + order[r];
      const v1::HistoryEvent& event =
          history.events(static_cast<int>(position));
      v1::Reason& reason = *explanation.add_reasons();
      reason.set_item_id(event.item_id());
      reason.set_action(event.action());
      reason.set_time_ms(event.has_time() ? event.sort_key() : 0);
      reason.set_position(position);
      reason.set_attention(effects.attention(i, order[r]));
      reason.set_effect(effects.effect(i, order[r]));
      ATTUNE_ASSIGN_OR_RETURN(std::optional<v1::Item> record,
                              database_->GetItem(event.item_id()));
      if (record.has_value()) reason.set_title(record->title());
    }
  }
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
  if (candidate_ids.size() > kMaxCandidates) {
    return absl::InvalidArgumentError(StrCat(candidate_ids.size(),
                                             " candidates, at most ",
                                             kMaxCandidates, " per request"));
  }
  const int64_t start = MonotonicNs();
  ATTUNE_RETURN_IF_ERROR(RefreshIfDue());
  ATTUNE_ASSIGN_OR_RETURN(auto served, models_->Get(options.model));
  Query query;
  query.user_id = user_id;
  query.ids = candidate_ids;
  query.now_ms = Now(options.now_ms);
  query.without_state = options.without_state;
  bool warm = false;
  absl::Status status = WithContext(
      options.deadline_ms, options.cancelled, [&](ExecutionContext& context) {
        return WithSession(
            context, *served, query,
            [&](ItemResolver& resolver, const Ranker::Request&,
                const Ranker::Session& session) -> absl::Status {
              warm = session.reused_rows > 0;
              Candidates candidates;
              ATTUNE_RETURN_IF_ERROR(GatherCandidates(context, *served, query,
                                                      resolver, candidates));
              ATTUNE_ASSIGN_OR_RETURN(
                  Ranker::Scores result,
                  served->ranker().Score(context, session, candidates.items,
                                         candidates.counters, nullptr));
              for (size_t i = 0; i < scores.size(); ++i) {
                const bool hidden = candidates.records[i] != nullptr &&
                                    candidates.records[i]->unavailable();
                scores[i] = hidden ? std::numeric_limits<float>::quiet_NaN()
                                   : static_cast<float>(result.score[i]);
              }
              return absl::OkStatus();
            });
      });
  stats_.RecordRequest(MonotonicNs() - start,
                       static_cast<int64_t>(scores.size()), warm, status);
  return status;
}

absl::Status EngineImpl::CheckWriter() const {
  if (options_.mode == EngineOptions::Mode::kOwner) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("database \"", options_.database_path,
             "\" is open as a follower: write through its owner"));
}

absl::Status EngineImpl::PutItems(std::span<const v1::Item> items, bool sync) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(ApplyItems(items, &group));
  std::lock_guard<std::mutex> lock(write_mutex_);
  std::vector<const v1::Item*> records;
  for (const v1::Item& item : items) records.push_back(&item);
  const auto live = models_->live();
  ATTUNE_RETURN_IF_ERROR(
      WithContext(0, nullptr, [&](ExecutionContext& context) -> absl::Status {
        for (const auto& served : live) {
          ATTUNE_RETURN_IF_ERROR(
              served->items().EmbedInto(context, records, &group));
        }
        return absl::OkStatus();
      }));
  ATTUNE_RETURN_IF_ERROR(
      database_->Write(std::move(group), storage::WriteOptions{sync}));
  for (const auto& served : live) served->index().Invalidate();
  return absl::OkStatus();
}

absl::Status EngineImpl::PutUsers(std::span<const v1::User> users, bool sync) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(ApplyUsers(users, &group));
  std::lock_guard<std::mutex> lock(write_mutex_);
  return database_->Write(std::move(group), storage::WriteOptions{sync});
}

absl::Status EngineImpl::PutEvents(std::span<const v1::Event> events,
                                   bool sync) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  std::lock_guard<std::mutex> lock(write_mutex_);
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(ApplyEvents(schema_, events, WallClockMs(), &group));
  return database_->Write(std::move(group), storage::WriteOptions{sync});
}

absl::Status EngineImpl::DeleteItem(std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(group.DeleteItem(item_id));
  std::lock_guard<std::mutex> lock(write_mutex_);
  ATTUNE_RETURN_IF_ERROR(database_->Write(std::move(group)));
  for (const auto& served : models_->live()) served->index().Invalidate();
  return absl::OkStatus();
}

absl::Status EngineImpl::DeleteUser(std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(group.DeleteUser(user_id));
  std::lock_guard<std::mutex> lock(write_mutex_);
  ATTUNE_RETURN_IF_ERROR(database_->Write(std::move(group)));
  states_.Erase(user_id);
  return absl::OkStatus();
}

absl::Status EngineImpl::DeleteUserEvents(std::string_view user_id,
                                          std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(item_id.empty()
                             ? group.DeleteUserEvents(user_id)
                             : group.DeleteUserItemEvents(user_id, item_id));
  std::lock_guard<std::mutex> lock(write_mutex_);
  ATTUNE_RETURN_IF_ERROR(database_->Write(std::move(group)));
  states_.Erase(user_id);
  return absl::OkStatus();
}

absl::Status EngineImpl::PrefetchUser(std::string_view user_id,
                                      std::string_view model) {
  ATTUNE_RETURN_IF_ERROR(RefreshIfDue());
  ATTUNE_ASSIGN_OR_RETURN(auto served, models_->Get(model));
  Query query;
  query.user_id = user_id;
  query.now_ms = WallClockMs();
  return WithContext(0, nullptr, [&](ExecutionContext& context) {
    return WithSession(context, *served, query,
                       [](ItemResolver&, const Ranker::Request&,
                          const Ranker::Session&) { return absl::OkStatus(); });
  });
}

absl::Status EngineImpl::ReloadModel(const std::string& directory) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  return models_->Publish(directory, write_mutex_);
}

absl::Status EngineImpl::RollbackModel() {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  return models_->Rollback();
}

absl::Status EngineImpl::Refresh() {
  if (options_.mode == EngineOptions::Mode::kOwner) return absl::OkStatus();
  refreshed_ms_.store(MonotonicNs() / 1000000);
  const uint64_t before = database_->latest_sequence();
  ATTUNE_RETURN_IF_ERROR(database_->CatchUp());
  if (database_->latest_sequence() == before) return absl::OkStatus();
  for (const auto& served : models_->live()) served->index().Invalidate();
  return options_.model_directory.empty() ? models_->LoadCurrent()
                                          : absl::OkStatus();
}

absl::Status EngineImpl::RefreshIfDue() {
  if (options_.mode == EngineOptions::Mode::kOwner) return absl::OkStatus();
  int64_t last = refreshed_ms_.load();
  const int64_t now = MonotonicNs() / 1000000;
  if (now - last < kRefreshEveryMs ||
      !refreshed_ms_.compare_exchange_strong(last, now)) {
    return absl::OkStatus();
  }
  return Refresh();
}

std::string EngineImpl::Stats(StatsFormat format) const {
  EngineStats::Sources sources;
  sources.states = states_.stats();
  if (auto served = models_->current(); served != nullptr) {
    sources.model = served->version();
    sources.items = served->items().cache_stats();
  }
  absl::StatusOr<storage::Statistics> stored = database_->Stats();
  if (stored.ok()) sources.storage = *stored;
  return format == StatsFormat::kJson ? stats_.Json(sources)
                                      : stats_.Prometheus(sources);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(EngineOptions options) {
  auto engine = std::make_unique<EngineImpl>(std::move(options));
  ATTUNE_RETURN_IF_ERROR(engine->Open());
  return absl::StatusOr<std::unique_ptr<Engine>>(std::move(engine));
}

}  // namespace attune
