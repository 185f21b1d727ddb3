// Opening, refreshing and models.
#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine_impl.h"
#include "engine/ingest/database_schema.h"

namespace attune {

absl::Status EngineImpl::Open() {
  ATTUNE_RETURN_IF_ERROR(MemoryBudget::Check(options_.memory_limit_bytes));
  storage::OpenOptions open;
  open.path = options_.database_path;
  open.mode = options_.mode == EngineOptions::Mode::kOwner
                  ? storage::OpenOptions::Mode::kWriter
                  : storage::OpenOptions::Mode::kFollower;
  open.create_if_missing = options_.create_if_missing;
  open.block_cache_bytes = memory_.block_cache_bytes();
  open.row_cache_bytes = memory_.row_cache_bytes();
  open.write_buffer_bytes = memory_.write_buffer_bytes();
  open.log = options_.log;
  refreshed_ms_.store(MonotonicNs() / 1000000);
  ATTUNE_ASSIGN_OR_RETURN(database_, storage::Database::Open(open));
  database_->AddObserver(&user_versions_);
  ATTUNE_ASSIGN_OR_RETURN(schema_, LoadSchema(*database_));
  ModelRegistry::Options registry;
  registry.model.backend = options_.backend;
  registry.model.precision = options_.precision;
  registry.memory = memory_;
  registry.resized = [this](size_t model_bytes) {
    states_.SetLimit(memory_.user_state_bytes(model_bytes));
  };
  registry.publish_items_per_second = options_.publish_items_per_second;
  registry.fill_items = options_.fill_items;
  registry.log = options_.log;
  models_ = std::make_unique<ModelRegistry>(*database_, registry);
  if (!options_.model_directory.empty()) {
    return models_->ServeDirectory(options_.model_directory);
  }
  return models_->LoadCurrent();
}

absl::Status EngineImpl::ReloadModel(const std::string& directory,
                                     const std::string& vectors) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  return models_->Publish(directory, vectors, write_mutex_);
}

absl::Status EngineImpl::RollbackModel() {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  return models_->Rollback();
}

absl::Status EngineImpl::CancelReload() {
  models_->CancelPublish();
  return absl::OkStatus();
}

void EngineImpl::PrepareClose() { models_->Close(); }

absl::Status EngineImpl::Refresh() { return FollowOwner(true); }

absl::Status EngineImpl::FollowOwner(bool wait_for_catalogue) {
  if (options_.mode == EngineOptions::Mode::kOwner) return absl::OkStatus();
  refreshed_ms_.store(MonotonicNs() / 1000000);
  const uint64_t before = database_->latest_sequence();
  ATTUNE_RETURN_IF_ERROR(database_->CatchUp());
  const bool changed = database_->latest_sequence() != before;
  if (changed && options_.model_directory.empty()) {
    ATTUNE_RETURN_IF_ERROR(models_->LoadCurrent());
  }
  return models_->RefreshCatalogues(changed, wait_for_catalogue);
}

void EngineImpl::RefreshIfDue() {
  if (options_.mode == EngineOptions::Mode::kOwner) return;
  int64_t last = refreshed_ms_.load();
  const int64_t now = MonotonicNs() / 1000000;
  if (now - last < options_.refresh_ms ||
      !refreshed_ms_.compare_exchange_strong(last, now)) {
    return;
  }
  // A request is not the one to fail: it is answered from what was seen last.
  const absl::Status status = FollowOwner(false);
  if (!status.ok()) {
    Log(options_.log, LogLevel::kWarning,
        StrCat("cannot follow the owner: ", ToStd(status.message())));
  }
}

std::string EngineImpl::Stats(StatsFormat format) const {
  EngineStats::Sources sources;
  sources.states = states_.stats();
  if (auto served = models_->current(); served != nullptr) {
    sources.model = served->version();
    sources.items = served->items().cache_stats();
    sources.items_filling = models_->filling();
    const CatalogueIndex& index = served->index();
    if (const auto view = index.view(); view != nullptr) {
      sources.index_items = view->rows;
    }
    sources.index_bytes = static_cast<int64_t>(index.size_bytes());
    sources.index_builds = index.builds_ended();
  }
  sources.memory_limit_bytes = static_cast<int64_t>(memory_.limit_bytes());
  sources.models_bytes = static_cast<int64_t>(models_->size_bytes());
  sources.user_states_limit_bytes = static_cast<int64_t>(states_.limit_bytes());
  absl::StatusOr<storage::Statistics> stored = database_->Stats();
  if (stored.ok()) sources.storage = *stored;
  return format == StatsFormat::kJson ? stats_.Json(sources)
                                      : stats_.Prometheus(sources);
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(EngineOptions options) {
  auto engine = std::make_unique<EngineImpl>(std::move(options));
  ATTUNE_RETURN_IF_ERROR(engine->Open());
  return absl::StatusOr<std::unique_ptr<Engine>>(std::move(engine));
}

}  // namespace attune
