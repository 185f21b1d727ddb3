#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel_flag.h"
#include "base/log.h"
#include "base/stage_clock.h"
#include "engine/rank/service_plan.h"
#include "proto/attune.pb.h"

namespace attune {

struct EngineOptions {
  std::string database_path;
  /// Owner: the one process that writes. Follower: reads beside it, sees the
  /// owner's writes after Refresh().
  enum class Mode { kOwner, kFollower } mode = Mode::kOwner;
  /// Follower: a request that comes so long after the last look at what the
  /// owner wrote looks again first. 0: every request does.
  int64_t refresh_ms = kRefreshMs;
  bool create_if_missing = false;
  /// A model directory to serve instead of the database's current model.
  std::string model_directory;
  /// Threads that one call may use, the caller's included: RankMany() runs that
  /// many requests side by side, and a request with thousands of candidates is
  /// spread over them. Beyond the caller's they belong to the process: engines
  /// share them, and idle ones sleep. Scores do not depend on it.
  int threads = 1;
  /// One ceiling for caches, kept user states, RocksDB's block cache and two
  /// models.
  size_t memory_limit_bytes = size_t{1} << 30;
  /// "", "reference" or "onednn": see MakeBackend.
  std::string backend;
  /// "", "f32" or "bf16"; "" is the model's own.
  std::string precision;
  /// Rate at which ReloadModel() embeds the catalogue while requests are
  /// served; 0: as fast as it goes.
  int64_t publish_items_per_second = kPublishItemsPerSecond;
  /// Reads the catalogue into the item cache from the opening on, and again
  /// after a reload, beside the requests, until it is full.
  bool fill_items = false;
  /// What requests with a deadline are planned with, instead of what they are
  /// measured to cost: for tests.
  std::optional<RequestCosts> planning_costs;
  LogFunction log;

  static constexpr int64_t kPublishItemsPerSecond = 2000;
  static constexpr int64_t kRefreshMs = 200;
};

/// Per-call control that is no part of the request's meaning.
struct CallOptions {
  CancelFlag cancelled;
  /// When the request's budget began, for callers who have worked for it
  /// before; nullopt: with the call.
  std::optional<std::chrono::steady_clock::time_point> begin = std::nullopt;
  /// Out, where not null: what the time of Rank() went to, also of one that
  /// failed on the way. RankMany() leaves it alone.
  StageTimes* stages = nullptr;
};

/// Steps that a call took to meet its deadline, as bits (service_plan.h).
inline constexpr uint32_t kDegradedCandidates = 1;  ///< fewer were fused
inline constexpr uint32_t kDegradedHistory = 2;     ///< shorter
inline constexpr uint32_t kDegradedToMatch = 4;     ///< none was fused

struct RankIdsOptions {
  int64_t now_ms = 0;       ///< 0: the clock
  int64_t deadline_ms = 0;  ///< budget of this call; 0: none
  std::string_view model;   ///< empty: the current one
  bool without_state = false;
  uint32_t* degraded = nullptr;  ///< out, where not null
  CancelFlag cancelled;
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
  /// With a deadline less may be done, see `degraded` of the response;
  /// DeadlineExceeded where not even the least fits.
  virtual absl::StatusOr<v1::RankResponse> Rank(
      const v1::RankRequest& request, const CallOptions& options = {}) = 0;
  /// The same into `response`, whose memory serves again: a warm request then
  /// allocates nothing. On error its content is unspecified.
  virtual absl::Status RankInto(const v1::RankRequest& request,
                                const CallOptions& options,
                                v1::RankResponse* response) {
    absl::StatusOr<v1::RankResponse> answer = Rank(request, options);
    if (!answer.ok()) return answer.status();
    *response = *std::move(answer);
    return absl::OkStatus();
  }

  /// Ranks many requests; result i is request i's. Those that are not begun
  /// when the flag is set are Cancelled.
  virtual std::vector<absl::StatusOr<v1::RankResponse>> RankMany(
      std::span<const v1::RankRequest* const> requests,
      const CallOptions& options = {}) = 0;

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
  /// embeds the catalogue at the options' rate, then switches atomically;
  /// requests are answered by the old version until then. Blocks until
  /// switched; a second call waits for the first. The old version is kept for
  /// RollbackModel(). Cancelled when ended by CancelReload() or
  /// PrepareClose(): the old version stays, and what was embedded is kept for
  /// the next try.
  absl::Status ReloadModel(const std::string& directory) {
    return ReloadModel(directory, {});
  }
  /// The same with vectors that a job has made before (ItemEmbedder): `vectors`
  /// is a part or a directory of parts, or empty. Those that belong to this
  /// model and to records as they are stored now are loaded; whatever is
  /// missing is embedded. Files that are no such parts, or damaged ones, end it
  /// and leave the old version in place.
  virtual absl::Status ReloadModel(const std::string& directory,
                                   const std::string& vectors) = 0;
  /// FailedPrecondition without an earlier model, and during a ReloadModel().
  virtual absl::Status RollbackModel() = 0;
  /// Ends the ReloadModel() calls that run now, at once.
  virtual absl::Status CancelReload() { return absl::OkStatus(); }
  /// Ends, at once, calls that may take minutes (ReloadModel), now and later,
  /// so that the others are soon done and the engine can be destroyed.
  virtual void PrepareClose() {}

  /// Follower: sees what the owner wrote so far.
  virtual absl::Status Refresh() = 0;

  enum class StatsFormat { kJson, kPrometheus };
  virtual std::string Stats(StatsFormat format) const = 0;
};

}  // namespace attune
