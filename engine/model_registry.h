#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/log.h"
#include "engine/cache_filler.h"
#include "engine/catalogue_embedder.h"
#include "engine/index_builder.h"
#include "engine/memory_budget.h"
#include "engine/publish_pacer.h"
#include "engine/served_model.h"
#include "storage/database.h"

namespace attune {

/// The models of one database: the current one, the one before it (for
/// rollback), and others that a request names. Published models are copied to
/// `<database>/models/<version>` and named by meta rows, so that followers and
/// the next process find them. Keeps within the memory budget. Thread-safe.
class ModelRegistry {
 public:
  struct Options {
    Model::Options model;
    MemoryBudget memory{size_t{1} << 30};
    /// Told what models and indexes take now, for two models at least; for the
    /// other caches' limits.
    std::function<void(size_t model_bytes)> resized;
    /// Of a publication; 0: no limit.
    int64_t publish_items_per_second = 0;
    /// Reads the catalogue into the current model's item cache, beside the
    /// requests.
    bool fill_items = false;
    LogFunction log;
  };
  ModelRegistry(storage::Database& database, Options options);

  /// The newest view of the model's retrieval index; built first where there is
  /// none, on a thread of its own: Cancelled or DeadlineExceeded by the context
  /// end the waiting only.
  absl::StatusOr<std::shared_ptr<const CatalogueView>> Catalogue(
      const ExecutionContext& context, ServedModel& served);
  /// A follower has seen writes (`changed`): indexes that were built are built
  /// again, beside the requests, at most a quarter of the time. `now` is for
  /// callers who want to see the writes: it waits for it.
  absl::Status RefreshCatalogues(bool changed, bool now);

  /// Loads the database's current model, if it has one; again after a follower
  /// caught up.
  absl::Status LoadCurrent();
  /// Serves a model directory without publishing it.
  absl::Status ServeDirectory(const std::string& directory);

  /// Null where there is none.
  std::shared_ptr<ServedModel> current() const;
  /// By version; empty: the current one. FailedPrecondition where nothing is
  /// published, NotFound for an unknown version.
  absl::StatusOr<std::shared_ptr<ServedModel>> Get(std::string_view version);
  /// Those in memory whose items must be kept up to date by writers.
  std::vector<std::shared_ptr<ServedModel>> live() const;

  /// What models and their indexes take, room for two models at least.
  size_t size_bytes() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return ModelBytes(0);
  }

  /// Copies, loads and checks a model directory, loads `vectors` (parts; empty:
  /// none), embeds the rest of the catalogue at the options' rate beside
  /// writers (who hold `write_mutex`) and requests, then switches atomically.
  /// One at a time; a second call waits.
  absl::Status Publish(const std::string& directory, const std::string& vectors,
                       std::mutex& write_mutex);
  /// Back to the model before. FailedPrecondition while one is published.
  absl::Status Rollback();
  /// Ends the running publications with Cancelled; what is current stays.
  void CancelPublish() { gate_.Cancel(); }
  /// Ends running publications and builds of indexes, and refuses later ones.
  void Close() {
    gate_.Close();
    builder_.Close();
    filler_.Close();
  }
  /// Whether the current model's items are being read into its cache.
  bool filling() const { return filler_.running(); }

 private:
  absl::StatusOr<std::shared_ptr<ServedModel>> Load(
      const std::string& directory);
  /// A snapshot's model, from its own file.
  absl::StatusOr<std::shared_ptr<ServedModel>> LoadPacked(
      const std::string& version);
  absl::StatusOr<std::shared_ptr<ServedModel>> Serve(
      std::shared_ptr<const Model> model);
  /// Becomes the current one in memory.
  absl::Status Adopt(std::shared_ptr<ServedModel> served);
  /// Where requests use the index of the model before, the next one's is built
  /// before they are switched over.
  absl::Status PrepareCatalogue(const std::shared_ptr<ServedModel>& served,
                                PublishGate::Ticket ticket);
  /// Vectors of a job, and embeds what is missing.
  absl::Status StoreVectors(ServedModel& served, const std::string& vectors,
                            const EmbedOptions& embed);
  absl::Status MakeCurrent(std::shared_ptr<ServedModel> served);
  /// Room for `bytes` more of models and indexes: models that requests named,
  /// then the one for rollback, are let go. ResourceExhausted where that does
  /// not suffice. mutex_ is held.
  absl::Status MakeRoom(size_t bytes);
  /// What models and indexes take with `added` bytes more; two models at least.
  /// mutex_ is held.
  size_t ModelBytes(size_t added) const;
  void FillItems(std::shared_ptr<ServedModel> served) {
    if (options_.fill_items) filler_.Start(std::move(served));
  }
  /// Shares out the memory anew. mutex_ is not held.
  void Resize();
  std::vector<std::shared_ptr<ServedModel>> LiveModels() const;  // held
  std::string DirectoryOf(std::string_view version) const;

  storage::Database& database_;
  const Options options_;
  PublishGate gate_;
  std::mutex publish_mutex_;  // one publication or rollback at a time
  mutable std::mutex mutex_;  // guards what follows; never held for long
  std::shared_ptr<ServedModel> current_, previous_, pending_;
  std::vector<std::shared_ptr<ServedModel>> named_;
  IndexBuilder builder_;  // these last: their threads use the others
  CacheFiller filler_;
};

}  // namespace attune
