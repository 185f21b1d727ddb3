#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/log.h"
#include "proto/records.pb.h"
#include "proto/storage.pb.h"
#include "storage/change_observer.h"
#include "storage/item_row.h"
#include "storage/snapshot_options.h"
#include "storage/statistics.h"
#include "storage/write_group.h"

namespace attune::storage {

/// Of the database's layout on disk. Raised when a reader of today would
/// misread what is written; a newer one is refused.
///   2: histories start from an empty row, marked in the family events
///   3: an item vector is one of the record that is there; its row says nothing
///      of the record
inline constexpr int kFormatVersion = 3;
/// Older ones are refused: a database is made again from its files.
inline constexpr int kOldestFormatVersion = 3;

struct OpenOptions {
  enum class Mode {
    kWriter,    // the one owner: reads and writes
    kFollower,  // reads beside a live writer; its view moves by CatchUp()
  };

  /// A directory, or (follower only) the file of a snapshot.
  std::string path;
  Mode mode = Mode::kWriter;
  /// Writer only. The parent directory must exist.
  bool create_if_missing = false;
  /// Memory for blocks of table files, shared by all column families.
  size_t block_cache_bytes = size_t{64} << 20;
  /// Memory for decoded item rows (estimated).
  size_t row_cache_bytes = size_t{64} << 20;
  /// Memory for rows that are not yet in a table file. When it is full, the
  /// largest column family is written out.
  size_t write_buffer_bytes = size_t{64} << 20;
  /// Newest events kept per user's history, >= 1. Fixed when the database is
  /// created; opening an existing one keeps its value.
  int history_limit = 400;
  /// Threads for writing and compacting table files; they exist while the
  /// database is open. At least 2 are used.
  int background_threads = 2;
  /// Receives RocksDB's warnings and errors. May be empty.
  LogFunction log;
};

struct WriteOptions {
  /// False: survives a kill of the process. True: also a loss of power (fsync).
  bool sync = false;
};

/// What a write did.
struct WriteSummary {
  int64_t items_added = 0;
  int64_t items_replaced = 0;
  int64_t users_added = 0;
  int64_t users_replaced = 0;
  int64_t events_added = 0;
  int64_t events_duplicate = 0;  // skipped: their event_id was used before
  int64_t events_deleted = 0;
  int64_t vectors_added = 0;
  int64_t vectors_outdated = 0;  // left out: PutItemVectorOf another record
};

/// One RocksDB directory with items, users, events and what is derived from
/// them (DESIGN.md, "On disk").
///
/// Thread-safe, except for destruction, which requires that no call is running
/// and leaves no thread, lock, file descriptor or temporary file behind.
/// Writes are applied one group at a time; reads never wait for them.
///
/// Errors everywhere: InvalidArgument for a bad id, DataLoss when what is on
/// disk cannot be read as what it should be, ResourceExhausted when the disk is
/// full, FailedPrecondition for a write through a follower, Unavailable or
/// Internal otherwise. A failed write leaves nothing half written; after a full
/// disk, reads go on, and writes work again once there is space.
class Database {
 public:
  /// NotFound (naming the path) when there is no database and none may be
  /// created; FailedPrecondition, naming the owner's pid, when another writer
  /// has it open, and for a newer format; DataLoss for damaged files.
  static absl::StatusOr<std::unique_ptr<Database>> Open(
      const OpenOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // ---- Writing -------------------------------------------------------------

  /// Applies the group atomically and empties it. `summary` may be null. On
  /// error nothing was written and the group is kept, to be tried again.
  absl::Status Write(WriteGroup&& group, const WriteOptions& options = {},
                     WriteSummary* summary = nullptr);

  /// The same result as Write with sync, by sorted table files that are
  /// ingested together: faster for more than about 50,000 rows, and no write
  /// stall. Smaller groups, and those with DeleteModel…, take the way of Write.
  /// Each load adds a file per column family, so make groups large (200,000
  /// rows take some 200 MB).
  absl::Status BulkWrite(WriteGroup&& group, WriteSummary* summary = nullptr);

  // ---- Reading -------------------------------------------------------------

  /// nullopt when there is no such record.
  absl::StatusOr<std::optional<v1::Item>> GetItem(std::string_view item_id);
  absl::StatusOr<std::optional<v1::User>> GetUser(std::string_view user_id);

  /// The newest events, at most history_limit(), oldest first: events of one
  /// sort key in the order of arrival. Unknown user: an empty history.
  ///   count  how many events were ever taken and not deleted; event i of the
  ///          list is number count - size + i.
  ///   epoch  changes, upwards, whenever something else than an append at the
  ///          end happened: a late event, a deletion, the user's deletion and
  ///          rebirth. Of two histories of a user with equal epochs, the one
  ///          with the greater count is the other plus appended events. Not 0
  ///          at birth; compare for equality only.
  absl::StatusOr<v1::History> GetHistory(std::string_view user_id);
  /// The same into `history`, whose memory serves again: reading a history of
  /// as many events as it held allocates next to nothing. On error it is empty.
  absl::Status ReadHistory(std::string_view user_id, v1::History* history);

  /// counters[i] is that of ids[i], empty when nothing was counted.
  absl::StatusOr<std::vector<v1::Counters>> GetCounters(
      std::span<const std::string_view> item_ids);

  /// A request's candidates in one batched read through the hot-row cache.
  /// rows.size() == item_ids.size(); every row is set, ids may repeat, unknown
  /// ids (bad ones too) have no item and no counters. Does not allocate when
  /// all rows are hot. On error the rows are unspecified.
  absl::Status MultiGetItems(std::span<const std::string_view> item_ids,
                             std::span<std::shared_ptr<const ItemRow>> rows);

  /// The records of those ids that have one, past the cache; what was read
  /// with counters of MultiGetItems may be newer than these.
  absl::Status MultiGetRecords(std::span<const std::string_view> item_ids,
                               absl::FunctionRef<void(size_t, v1::Item)> found);
  /// Calls found(i, counters) for every item_ids[i] that was counted; the
  /// counters live during the call.
  absl::Status MultiGetCounters(
      std::span<const std::string_view> item_ids,
      absl::FunctionRef<void(size_t, const v1::Counters&)> found);

  /// Calls found(i, bytes) for every item_ids[i] that has a vector, in no
  /// particular order; `bytes` lives during the call.
  absl::Status MultiGetItemVectors(
      std::string_view model_version,
      std::span<const std::string_view> item_ids,
      absl::FunctionRef<void(size_t, std::string_view)> found);

  absl::StatusOr<std::optional<std::string>> GetState(
      std::string_view model_version, std::string_view user_id);

  absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view key);

  absl::StatusOr<std::optional<v1::JournalEntry>> ReadJournal(
      std::string_view kind, std::string_view content_hash);

  /// seen[i]: an event with id event_ids[i] was accepted. Write checks again by
  /// itself; this saves the caller work. Empty ids are never seen.
  absl::StatusOr<std::vector<bool>> SeenEventIds(
      std::span<const std::string> event_ids);

  // ---- Iterating -----------------------------------------------------------
  // In key order, over the state at the call's begin; rows written meanwhile
  // are not seen. A status other than Ok from the function ends the iteration
  // and is returned as it is. The function may read and write the database.

  absl::Status ForEachItem(absl::FunctionRef<absl::Status(const v1::Item&)> fn);
  absl::Status ForEachUser(absl::FunctionRef<absl::Status(const v1::User&)> fn);
  absl::Status ForEachHistory(absl::FunctionRef<absl::Status(
                                  std::string_view user_id, const v1::History&)>
                                  fn);
  /// Every item id that was ever counted, with or without a record.
  absl::Status ForEachCounters(
      absl::FunctionRef<absl::Status(std::string_view item_id,
                                     const v1::Counters&)>
          fn);
  /// By user, within a user by sort key, then by arrival.
  absl::Status ForEachEvent(
      absl::FunctionRef<absl::Status(const v1::Event&)> fn);
  absl::Status ForEachUserEvent(
      std::string_view user_id,
      absl::FunctionRef<absl::Status(const v1::Event&)> fn);
  absl::Status ForEachItemVector(
      std::string_view model_version,
      absl::FunctionRef<absl::Status(std::string_view item_id,
                                     std::string_view bytes)>
          fn);
  /// In the order of writing.
  absl::Status ForEachAudit(
      absl::FunctionRef<absl::Status(std::string_view bytes)> fn);

  // ---- The database as a whole ---------------------------------------------

  /// `observer` must outlive its registration and be registered once. A read
  /// that begins after Add sees all changes that it is not told of.
  void AddObserver(ChangeObserver* observer);
  /// Returns once no call of the observer is running.
  void RemoveObserver(ChangeObserver* observer);

  /// Follower: moves the view to what the writer has acknowledged by now, and
  /// drops cached rows if anything changed. Writer: nothing to do, Ok.
  absl::Status CatchUp();

  /// Packs what serving needs into one file, which Open reads as a follower
  /// that nobody writes for; it appears complete or not at all. Of a follower
  /// it is what its view shows, which must not move meanwhile; a writer must
  /// not write. Errors name options.path.
  absl::StatusOr<SnapshotSummary> WriteSnapshot(const SnapshotOptions& options);
  bool is_snapshot() const;
  /// A file that a snapshot carries beside its rows; lives as long as the
  /// database. nullopt where there is none.
  absl::StatusOr<std::optional<std::string_view>> PackedFile(
      std::string_view file_name) const;
  /// Snapshot: reads and checks every byte. Others check what they read; Ok.
  absl::Status CheckFile() const;

  /// Grows with every write that this view sees.
  uint64_t latest_sequence() const;
  int history_limit() const;
  OpenOptions::Mode mode() const;
  const std::string& path() const;

  absl::StatusOr<Statistics> Stats();

  /// Writes memory to table files. Writer only.
  absl::Status Flush();
  /// Flush, then rewrites everything into its final form: after large loads,
  /// in tests and benches. May take long. Writer only.
  absl::Status Compact();

 private:
  class Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The key by which an event is ordered within its user: time_ms, else order.
/// nullopt when the event has neither.
std::optional<int64_t> SortKey(const v1::Event& event);

}  // namespace attune::storage
