#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "proto/records.pb.h"
#include "proto/storage.pb.h"

namespace attune::storage {

/// Longest id (item, user, event, model version, meta key) in bytes.
inline constexpr size_t kMaxIdBytes = 1024;

/// How an event enters its user's history: as `action` (of an impression: its
/// strongest result). Item, time and order are the event's.
struct HistoryEntry {
  std::string_view action;
};

/// One addition to an item's counters.
struct CounterUpdate {
  std::string_view item_id;
  std::string_view action;
  /// Absent: only `total` grows.
  std::optional<int64_t> time_ms;
  double amount = 1;
  /// The occurrence is in `total` already and its time became known now: only
  /// the decayed parts grow.
  bool only_time = false;
};

/// Puts and deletions that become visible and durable together, in the order
/// of the calls (a put after a deletion of the same thing stays). Handed to
/// Database::Write or BulkWrite, which empties it. Knows no database: may be
/// filled on any thread, by one thread at a time.
///
/// Every method copies what it is given and returns InvalidArgument, leaving
/// the group as it was, for an id that is empty or longer than kMaxIdBytes, and
/// for text that is not UTF-8 (ids too: they live in protobuf strings).
class WriteGroup {
 public:
  WriteGroup();
  ~WriteGroup();
  WriteGroup(WriteGroup&&) noexcept;
  WriteGroup& operator=(WriteGroup&&) noexcept;

  absl::Status PutItem(const v1::Item& item);
  /// The record and its vectors under every model. Its events, counters and
  /// places in histories stay: they happened.
  absl::Status DeleteItem(std::string_view item_id);

  absl::Status PutUser(const v1::User& user);
  /// The record, events, history and kept states. Counters stay, and event ids
  /// stay used: a replayed log does not bring the events back.
  absl::Status DeleteUser(std::string_view user_id);

  /// Stores the event (time_ms or order is required), merges `entry` into the
  /// user's history unless it is null, and adds `counters`. An event whose
  /// non-empty event_id was accepted before, by the database or earlier in this
  /// group, is skipped by Write with its history entry and counters.
  absl::Status AppendEvent(const v1::Event& event, const HistoryEntry* entry,
                           std::span<const CounterUpdate> counters);
  /// Counters alone, without an event.
  absl::Status AddCounters(std::span<const CounterUpdate> counters);

  /// The user's events and history; the user's record stays. Counters and used
  /// event ids stay as with DeleteUser.
  absl::Status DeleteUserEvents(std::string_view user_id);
  /// The same for the events with one item.
  absl::Status DeleteUserItemEvents(std::string_view user_id,
                                    std::string_view item_id);

  /// Opaque bytes per (model version, item), encoded by the caller. Whatever
  /// replaces or deletes a record deletes its vectors of every model, except
  /// those put later in the same group: a vector that is there belongs to the
  /// record that is there.
  absl::Status PutItemVector(std::string_view model_version,
                             std::string_view item_id, std::string_view bytes);
  /// The same for a vector made of a record that was read before: left out by
  /// Write where the database holds another one by then, or none. `record` is
  /// RecordHash of it.
  absl::Status PutItemVectorOf(uint64_t record, std::string_view model_version,
                               std::string_view item_id,
                               std::string_view bytes);
  absl::Status DeleteItemVector(std::string_view model_version,
                                std::string_view item_id);
  /// All vectors of a version, however many, at the cost of one row.
  absl::Status DeleteModelVectors(std::string_view model_version);

  /// A user's kept state, opaque bytes per (model version, user).
  absl::Status PutState(std::string_view model_version,
                        std::string_view user_id, std::string_view bytes);
  absl::Status DeleteState(std::string_view model_version,
                           std::string_view user_id);
  absl::Status DeleteModelStates(std::string_view model_version);

  /// Named bytes of the database as a whole: schema, current model, …
  absl::Status PutMeta(std::string_view key, std::string_view bytes);
  absl::Status DeleteMeta(std::string_view key);

  /// An audit row, kept in the order of writing.
  absl::Status AppendAudit(std::string_view bytes);

  /// How far the file with this content (HashFile, storage/file_hash.h) was
  /// taken as `kind` ("items", "users", "events"); replaces the entry before.
  absl::Status PutJournal(std::string_view kind, std::string_view content_hash,
                          const v1::JournalEntry& entry);

  /// Number of calls held, and about how many bytes they take.
  size_t size() const;
  size_t size_bytes() const;
  bool empty() const { return size() == 0; }
  void Clear();

  /// The room's own view of the group; defined in storage/operations.h.
  struct Rep;
  Rep& rep() { return *rep_; }
  const Rep& rep() const { return *rep_; }

 private:
  std::unique_ptr<Rep> rep_;
};

}  // namespace attune::storage
