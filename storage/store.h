#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/cache.h"
#include "rocksdb/options.h"
#include "storage/background_env.h"
#include "storage/database.h"
#include "storage/owner_claim.h"
#include "storage/owner_file.h"
#include "storage/row_source.h"
#include "storage/view.h"

namespace attune::storage {

/// Opens and closes RocksDB for a Database, as writer or follower, and owns
/// what the instance needs: threads, block cache, log. Thread-safe.
class Store final : public RowSource {
 public:
  static absl::StatusOr<std::unique_ptr<Store>> Open(
      const OpenOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // RowSource; in store_rows.cc.
  absl::Status Get(Family family, std::string_view key,
                   std::string& value) const override;
  absl::Status MultiGet(
      Family family, std::span<const std::string_view> keys,
      absl::FunctionRef<absl::Status(size_t, std::string_view)> found)
      const override;
  absl::Status Scan(
      Family family, std::string_view begin, std::string_view end,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> fn)
      const override;
  uint64_t latest_sequence() const override;
  void AddStatistics(Statistics& statistics) const override;

  /// The view to read (and, for a writer, to write), for the length of a call.
  ReadLease Read() const;

  /// Follower: see Database::CatchUp. On error the view is as old as it was.
  absl::Status CatchUp();

  bool is_writer() const { return options_.mode == OpenOptions::Mode::kWriter; }
  const OpenOptions& options() const { return options_; }
  const std::string& name() const override { return name_; }
  BackgroundEnv& env() const { return *env_; }
  /// Options of a family, for files that are made to be ingested into it.
  rocksdb::Options TableFileOptions(Family family) const;

 private:
  explicit Store(const OpenOptions& options);

  rocksdb::DBOptions MakeDbOptions() const;
  absl::Status OpenWriter();
  absl::StatusOr<std::shared_ptr<const View>> OpenFollowerOnce();
  absl::Status OpenFollower();
  absl::Status FollowAnew();
  std::shared_ptr<const View> view() const;
  absl::Status ExplainOpenError(const rocksdb::Status& status) const;
  absl::Status OwnedElsewhere(std::optional<pid_t> owner) const;

  const OpenOptions options_;
  const std::string name_;
  // Declared before the view, which uses them until it is closed.
  std::unique_ptr<OwnerClaim> owner_claim_;
  std::unique_ptr<BackgroundEnv> env_;
  std::shared_ptr<rocksdb::Cache> block_cache_;
  std::shared_ptr<rocksdb::Logger> logger_;

  std::mutex catch_up_mutex_;   // one CatchUp at a time; guards the next
  std::string followed_stamp_;  // ManifestStamp of the view; empty: reopen
  mutable std::mutex view_mutex_;
  std::shared_ptr<const View> view_;
  std::unique_ptr<OwnerFile> owner_file_;
};

}  // namespace attune::storage
