#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/served_model.h"
#include "storage/database.h"

namespace attune {

/// The models of one database: the current one, the one before it (for
/// rollback), and others that a request names. Published models are copied to
/// `<database>/models/<version>` and named by meta rows, so that followers and
/// the next process find them. Thread-safe.
class ModelRegistry {
 public:
  struct Options {
    Model::Options model;
    size_t item_cache_bytes = size_t{128} << 20;
  };
  ModelRegistry(storage::Database& database, Options options);

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

  /// Copies, loads and checks a model directory, embeds the catalogue in
  /// batches under `write_mutex` (so that no writer's newer row is
  /// overwritten), then switches atomically.
  absl::Status Publish(const std::string& directory, std::mutex& write_mutex);
  absl::Status Rollback();

 private:
  absl::StatusOr<std::shared_ptr<ServedModel>> Load(
      const std::string& directory);
  absl::Status EmbedCatalogue(ServedModel& served, std::mutex& write_mutex);
  std::string DirectoryOf(std::string_view version) const;

  storage::Database& database_;
  const Options options_;
  std::mutex publish_mutex_;  // one publication at a time
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<ServedModel> current_, previous_, pending_;
  std::vector<std::shared_ptr<ServedModel>> named_;
};

}  // namespace attune
