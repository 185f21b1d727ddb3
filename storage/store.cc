#include "storage/store.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "rocksdb/listener.h"
#include "storage/callback_logger.h"
#include "storage/column_families.h"
#include "storage/database_files.h"
#include "storage/status_translation.h"

namespace attune::storage {
namespace {

// Descriptors that table files may take in the host's process.
constexpr int kMaxOpenFiles = 512;

// How long a follower tries to see the same set of files before and after it
// opened them, which takes some milliseconds. The writer changes the set every
// few seconds, seldom several times a second.
constexpr std::chrono::seconds kFollowTimeout{10};
// For errors that look final, but may be a file that was just deleted.
constexpr int kMinFollowAttempts = 5;

class ErrorListener : public rocksdb::EventListener {
 public:
  explicit ErrorListener(BackgroundEnv& env) : env_(env) {}

  // Called before the error takes effect; see BackgroundEnv.
  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    if (error->severity() >= rocksdb::Status::Severity::kHardError) {
      env_.HoldFlushes();
    }
  }
  void OnFlushBegin(rocksdb::DB* /*db*/,
                    const rocksdb::FlushJobInfo& /*job*/) override {
    env_.NoteFlushBegun();
  }
  // After a full disk RocksDB would look every five seconds whether there is
  // space. We resume with the first write that finds some (WriteRecovery).
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  BackgroundEnv& env_;
};

// Both sorted.
bool AllThere(const std::vector<std::string>& wanted,
              const std::vector<std::string>& present) {
  return std::includes(present.begin(), present.end(), wanted.begin(),
                       wanted.end());
}

}  // namespace

Store::Store(const OpenOptions& options)
    : options_(options),
      name_(StrCat("database \"", options.path, "\"")),
      env_(std::make_unique<BackgroundEnv>(
          std::max(1, options.background_threads - 1))),
      block_cache_(rocksdb::NewLRUCache(options.block_cache_bytes)),
      logger_(NewCallbackLogger(options.log)) {}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const OpenOptions& options) {
  if (options.path.empty()) {
    return absl::InvalidArgumentError("the database's path is empty");
  }
  if (options.history_limit < 1) {
    return absl::InvalidArgumentError(StrCat(
        "history_limit is ", options.history_limit, ", at least 1 is needed"));
  }
  auto store = absl::WrapUnique(new Store(options));
  ATTUNE_RETURN_IF_ERROR(store->is_writer() ? store->OpenWriter()
                                            : store->OpenFollower());
  return store;
}

std::shared_ptr<const View> Store::view() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

ReadLease Store::Read() const {
  while (true) {
    ReadLease lease(view(), !is_writer());
    if (!lease->retired()) return lease;
  }
}

rocksdb::DBOptions Store::MakeDbOptions() const {
  rocksdb::DBOptions options;
  options.env = env_.get();
  options.info_log = logger_;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_background_jobs = std::max(2, options_.background_threads);
  options.max_file_opening_threads = 1;
  options.db_write_buffer_size = options_.write_buffer_bytes;
  options.max_total_wal_size = 2 * options_.write_buffer_bytes;
  // The log has everything; a flush would only make closing slow.
  options.avoid_flush_during_shutdown = true;
  // Not for a follower: there RocksDB 7.8 ends the process by an assertion
  // where an iteration ends that the view has moved under.
  options.avoid_unnecessary_blocking_io = is_writer();
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_bgerror_resume_count = 0;  // by WriteRecovery instead
  options.listeners = {std::make_shared<ErrorListener>(*env_)};
  // A follower must hold all files open: the writer may delete any.
  options.max_open_files = is_writer() ? kMaxOpenFiles : -1;
  return options;
}

rocksdb::Options Store::TableFileOptions(Family family) const {
  return {
      MakeDbOptions(),
      FamilyOptions(family, {.write_buffer_bytes = options_.write_buffer_bytes,
                             .block_cache = block_cache_})};
}

absl::Status Store::OwnedElsewhere(std::optional<pid_t> owner) const {
  return absl::FailedPreconditionError(StrCat(
      name_, " is open for writing by ",
      owner.has_value() ? StrCat("process ", *owner)
                        : std::string("another process"),
      "; write through that process (attune_put_* and attune_reload_model of "
      "the plugin) or stop it"));
}

absl::Status Store::ExplainOpenError(const rocksdb::Status& status) const {
  if (absl::StrContains(status.ToString(), "While lock file")) {
    return OwnedElsewhere(FindOwner(options_.path));
  }
  return Translate(status, StrCat("open ", name_));
}

absl::Status Store::OpenWriter() {
  ATTUNE_ASSIGN_OR_RETURN(const DirectoryState state,
                          InspectDirectory(options_.path));
  if (state.has_database || state.format_version > 0) {
    ATTUNE_RETURN_IF_ERROR(CheckFormat(options_.path, state.format_version));
  }
  if (!state.has_database) {
    if (!options_.create_if_missing) {
      return absl::NotFoundError(StrCat(name_, " does not exist"));
    }
    ATTUNE_RETURN_IF_ERROR(PrepareDirectory(options_.path));
  }
  absl::StatusOr<std::unique_ptr<OwnerClaim>> claim =
      OwnerClaim::Create(options_.path);
  if (absl::IsAlreadyExists(claim.status())) return OwnedElsewhere(getpid());
  ATTUNE_RETURN_IF_ERROR(claim.status());
  owner_claim_ = *std::move(claim);
  rocksdb::DBOptions db_options = MakeDbOptions();
  db_options.create_if_missing = !state.has_database;
  // Also finishes a creation that was killed half-way.
  db_options.create_missing_column_families = true;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(
      db_options, options_.path,
      FamilyDescriptors({.write_buffer_bytes = options_.write_buffer_bytes,
                         .block_cache = block_cache_}),
      &handles, &db);
  if (!status.ok()) return ExplainOpenError(status);
  view_ = std::make_shared<const View>(absl::WrapUnique(db), handles);
  ATTUNE_ASSIGN_OR_RETURN(owner_file_, OwnerFile::Create(options_.path));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const View>> Store::OpenFollowerOnce() {
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  // The second path is for a LOG file, which our logger replaces, and for
  // remote compactions: nothing is ever written there.
  const rocksdb::Status status = rocksdb::DB::OpenAsSecondary(
      MakeDbOptions(), options_.path, options_.path + "/follower",
      FamilyDescriptors({.write_buffer_bytes = options_.write_buffer_bytes,
                         .block_cache = block_cache_}),
      &handles, &db);
  if (!status.ok()) return ExplainOpenError(status);
  return std::make_shared<const View>(absl::WrapUnique(db), handles);
}

absl::Status Store::OpenFollower() {
  ATTUNE_ASSIGN_OR_RETURN(const DirectoryState state,
                          InspectDirectory(options_.path));
  if (!state.has_database) {
    return absl::NotFoundError(StrCat(name_, " does not exist"));
  }
  ATTUNE_RETURN_IF_ERROR(CheckFormat(options_.path, state.format_version));
  return CatchUp();
}

// RocksDB's own TryCatchUpWithPrimary is right as long as the writer only
// appends to its log. When the set of table files changes, 7.8 keeps rows of
// the old log in the follower's memory beside the new files that hold the same
// rows: merge operands are applied twice, and a row that was ingested or
// deleted meanwhile stays hidden behind its old self until the family's next
// log record. So a changed MANIFEST means to open anew, and a look counts only
// if the MANIFEST was the same before and after. And a log file that is deleted
// during the look, which the writer does in the background long after the
// MANIFEST has changed, ends the look at that log without an error, so that all
// logs of before must still be there after it.
absl::Status Store::CatchUp() {
  if (is_writer()) return absl::OkStatus();
  const std::lock_guard lock(catch_up_mutex_);
  const std::shared_ptr<const View> live = view();
  absl::StatusOr<std::string> stamp = ManifestStamp(options_.path);
  if (live == nullptr || !stamp.ok() || *stamp != followed_stamp_) {
    return FollowAnew();
  }
  // Readers wait meanwhile; should the writer rewrite files at this moment,
  // they wait for the new view.
  const absl::WriterMutexLock gate(&live->gate());
  const std::vector<std::string> logs = LogFiles(options_.path);
  const rocksdb::Status status = live->db().TryCatchUpWithPrimary();
  stamp = ManifestStamp(options_.path);
  if (status.ok() && stamp.ok() && *stamp == followed_stamp_ &&
      AllThere(logs, LogFiles(options_.path))) {
    return absl::OkStatus();
  }
  followed_stamp_.clear();
  ATTUNE_RETURN_IF_ERROR(FollowAnew());
  live->Retire();
  return absl::OkStatus();
}

absl::Status Store::FollowAnew() {
  absl::Status error;
  const auto deadline = std::chrono::steady_clock::now() + kFollowTimeout;
  for (int attempt = 0; attempt < kMinFollowAttempts ||
                        (absl::IsUnavailable(error) &&
                         std::chrono::steady_clock::now() < deadline);
       ++attempt) {
    absl::StatusOr<std::string> before = ManifestStamp(options_.path);
    if (!before.ok()) {
      error = before.status();
      continue;
    }
    const std::vector<std::string> logs = LogFiles(options_.path);
    absl::StatusOr<std::shared_ptr<const View>> opened = OpenFollowerOnce();
    if (!opened.ok()) {
      error = opened.status();
      continue;
    }
    absl::StatusOr<std::string> after = ManifestStamp(options_.path);
    if (after.ok() && *after == *before &&
        AllThere(logs, LogFiles(options_.path))) {
      followed_stamp_ = *before;
      const std::lock_guard lock(view_mutex_);
      view_ = *std::move(opened);
      return absl::OkStatus();
    }
    error = absl::UnavailableError(
        StrCat(name_, " is being rewritten by its writer; try again"));
  }
  return error;
}

}  // namespace attune::storage
