#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "engine/candidate_scoring.h"
#include "engine/context_pool.h"
#include "engine/engine.h"
#include "engine/engine_stats.h"
#include "engine/model_registry.h"
#include "engine/rank/filters.h"
#include "engine/rank/service_plan.h"
#include "engine/scratch_pool.h"
#include "engine/user_versions.h"
#include "features/schema.h"
#include "storage/database.h"

namespace attune {

/// The engine itself, in files by what a call does: engine.cc opens, refreshes
/// and changes models, engine_write.cc writes, engine_session.cc makes a user
/// and candidates ready, engine_rank.cc answers, engine_explain.cc says why.
class EngineImpl final : public Engine {
 public:
  explicit EngineImpl(EngineOptions options)
      : options_(std::move(options)),
        memory_(options_.memory_limit_bytes),
        states_(memory_.user_state_bytes(0),
                [](const KeptState& state) { return state.size_bytes(); }),
        threads_(options_.threads),
        scoring_(threads_, contexts_) {}

  absl::Status Open();

  absl::StatusOr<v1::RankResponse> Rank(const v1::RankRequest& request,
                                        const CallOptions& options) override;
  absl::Status RankInto(const v1::RankRequest& request,
                        const CallOptions& options,
                        v1::RankResponse* response) override;
  std::vector<absl::StatusOr<v1::RankResponse>> RankMany(
      std::span<const v1::RankRequest* const> requests,
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
  using Engine::ReloadModel;
  absl::Status ReloadModel(const std::string& directory,
                           const std::string& vectors) override;
  absl::Status RollbackModel() override;
  absl::Status CancelReload() override;
  void PrepareClose() override;
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
    RequestWork work;  ///< for the plan; rows and window are found out
  };
  /// A user made ready, and what of the request will be done.
  struct Prepared {
    ItemResolver* resolver = nullptr;
    const v1::History* whole_history = nullptr;
    Ranker::Request request;  ///< with the history that was encoded
    Ranker::Session session;
    RequestWork work;
    ServicePlan plan;
  };
  struct Candidates {
    std::vector<std::string_view> ids;
    /// What keeps the items that are in a cache: those own nothing.
    std::optional<ItemCache::Pin> pin;
    std::vector<std::shared_ptr<const ModelItem>> items;
    std::vector<features::ItemCounters> counters;
    /// Read only where the policy asks for categories, else empty. A record
    /// without an id: unknown.
    std::vector<v1::Item> records;
    std::vector<std::string> retrieved;  ///< owns retrieved ids
    std::vector<std::string_view> retrieved_views;

    /// Leaves out those without a record, once they are gathered.
    void DropUnknown();
    void Reset();
    bool worth_keeping() const;
  };
  using SessionFunction = absl::FunctionRef<absl::Status(Prepared&)>;

  /// The budget of deadline_ms begins with the call, or where options say.
  absl::Status WithContext(
      int64_t deadline_ms, const CallOptions& options,
      absl::FunctionRef<absl::Status(ExecutionContext&)> body);
  /// Brings what `kept` (locked) has of the stored user up to date.
  absl::Status ReadUser(const Query& query, bool inline_history,
                        const KeptState& kept);
  absl::Status WithSession(ExecutionContext& context, ServedModel& served,
                           const Query& query, SessionFunction body);
  absl::Status GatherCandidates(ExecutionContext& context, ServedModel& served,
                                const Query& query, ItemResolver& resolver,
                                Candidates& candidates);
  absl::StatusOr<ServicePlan> Plan(const ExecutionContext& context,
                                   const ServedModel& served,
                                   const RequestWork& work) const;
  absl::StatusOr<Ranker::Scores> ScoreCandidates(ExecutionContext& context,
                                                 ServedModel& served,
                                                 const Query& query,
                                                 const Candidates& candidates,
                                                 Prepared& user);
  absl::StatusOr<absl::flat_hash_set<std::string>> SeenItems(
      const ExecutionContext& context, const v1::RankRequest& request,
      const v1::History& history);
  absl::Status RankWith(ExecutionContext& context, ServedModel& served,
                        const v1::RankRequest& request, int64_t now_ms,
                        v1::RankResponse& response);
  absl::Status RankPrepared(ExecutionContext& context, ServedModel& served,
                            Query& query, Prepared& user,
                            v1::RankResponse& response);
  absl::Status Explain(ExecutionContext& context, ServedModel& served,
                       const Prepared& user, const Ranker::Scores& scores,
                       const Candidates& candidates,
                       const ValueFormula* formula,
                       std::span<const int32_t> best,
                       v1::RankResponse& response);
  void RefreshIfDue();
  /// Follower: sees what was written; retrieval indexes follow later, unless
  /// the caller waits for them.
  absl::Status FollowOwner(bool wait_for_catalogue);
  /// Writers, who hold write_mutex_, after a write of these items.
  void UpdateCatalogues(ExecutionContext& context,
                        std::span<const std::string_view> item_ids);
  /// The best of the catalogue that pass the policy, as the query's ids.
  absl::Status Retrieve(ExecutionContext& context, ServedModel& served,
                        const absl::flat_hash_set<std::string>& seen,
                        Query& query, Prepared& user, Candidates& candidates,
                        FilterCounts& counts);
  absl::Status CheckWriter() const;
  int64_t Now(int64_t now_ms) const {
    return now_ms != 0 ? now_ms : WallClockMs();
  }

  const EngineOptions options_;
  UserVersions user_versions_;  // told by the database
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ModelRegistry> models_;
  const MemoryBudget memory_;
  StateCache<KeptState> states_;
  ContextPool contexts_;
  ScratchPool<Candidates> candidates_;
  ThreadPool threads_;
  CandidateScoring scoring_;
  std::mutex write_mutex_;
  features::Schema schema_;  // guarded by write_mutex_
  std::atomic<int64_t> refreshed_ms_{0};
  mutable EngineStats stats_;
};

}  // namespace attune
