#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/log.h"
#include "proto/attune.pb.h"

namespace attune {

struct EngineOptions {
  std::string database_path;
  /// Owner: the one process that writes. Follower: reads beside it, sees the
  /// owner's writes after Refresh() (called by itself at most once a second).
  enum class Mode { kOwner, kFollower } mode = Mode::kOwner;
  bool create_if_missing = false;
  /// A model directory to serve instead of the database's current model.
  std::string model_directory;
  /// Threads that background work (embedding a catalogue) may use; a request
  /// runs on its caller's thread.
  int threads = 1;
  /// One ceiling for caches, kept user states, RocksDB's block cache and two
  /// models.
  size_t memory_limit_bytes = size_t{1} << 30;
  /// "", "reference" or "onednn": see MakeBackend.
  std::string backend;
  /// "", "f32" or "bf16"; "" is the model's own.
  std::string precision;
  LogFunction log;
};

/// Per-call control that is no part of the request's meaning.
struct CallOptions {
  const std::atomic<bool>* cancelled = nullptr;
};

struct RankIdsOptions {
  int64_t now_ms = 0;       ///< 0: the clock
  int64_t deadline_ms = 0;  ///< budget of this call; 0: none
  std::string_view model;   ///< empty: the current one
  bool without_state = false;
  const std::atomic<bool>* cancelled = nullptr;
};

/// One open database with its models: the only way in for plugin, batch job,
/// program and benchmark. Every method is thread-safe and blocks; a request
/// runs on the caller's thread. Close by destruction, when no call is running.
class Engine {
 public:
  static absl::StatusOr<std::unique_ptr<Engine>> Open(EngineOptions options);
  virtual ~Engine() = default;

  /// Ranks one request. InvalidArgument names the wrong field; unknown users
  /// and items are served. FailedPrecondition where no model is published.
  virtual absl::StatusOr<v1::RankResponse> Rank(
      const v1::RankRequest& request, const CallOptions& options = {}) = 0;

  /// Scores of candidate_ids, in their order, as Rank's `score`; NaN for items
  /// that the default policy's availability filter takes out. scores.size()
  /// must equal candidate_ids.size().
  virtual absl::Status RankIds(std::string_view user_id,
                               std::span<const std::string_view> candidate_ids,
                               std::span<float> scores,
                               const RankIdsOptions& options) = 0;

  /// Writes: owner mode only (FailedPrecondition otherwise). Atomic per call;
  /// acknowledged means that it survives the process's death, with `sync`
  /// also the machine's.
  virtual absl::Status PutItems(std::span<const v1::Item> items,
                                bool sync = false) = 0;
  virtual absl::Status PutUsers(std::span<const v1::User> users,
                                bool sync = false) = 0;
  virtual absl::Status PutEvents(std::span<const v1::Event> events,
                                 bool sync = false) = 0;
  virtual absl::Status DeleteItem(std::string_view item_id) = 0;
  virtual absl::Status DeleteUser(std::string_view user_id) = 0;
  /// All events of a user, or those with one item.
  virtual absl::Status DeleteUserEvents(std::string_view user_id,
                                        std::string_view item_id = {}) = 0;

  /// Encodes the user's history now, so that the next request is warm.
  virtual absl::Status PrefetchUser(std::string_view user_id,
                                    std::string_view model = {}) = 0;

  /// Loads, checks (manifest, golden requests) and publishes a model directory:
  /// embeds the catalogue, then switches atomically; requests are answered by
  /// the old version until then. Blocks until switched. The old version is kept
  /// for RollbackModel().
  virtual absl::Status ReloadModel(const std::string& directory) = 0;
  virtual absl::Status RollbackModel() = 0;

  /// Follower: sees what the owner wrote so far.
  virtual absl::Status Refresh() = 0;

  enum class StatsFormat { kJson, kPrometheus };
  virtual std::string Stats(StatsFormat format) const = 0;
};

}  // namespace attune
