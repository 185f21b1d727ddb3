#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "proto/storage.pb.h"
#include "storage/database.h"
#include "storage/operations.h"
#include "storage/row_sink.h"
#include "storage/view.h"

namespace attune::storage {

/// Hashes of user ids that surely have a history, so that the writer need not
/// look for each event. Bounded; forgets everything when full.
class KnownUsers {
 public:
  bool Contains(std::string_view user_id) const;
  void Add(std::string_view user_id);
  void Remove(std::string_view user_id);

 private:
  absl::flat_hash_set<uint64_t> hashes_;
};

/// Turns a group's operations into row changes against the database as it is:
/// skips events that were accepted before, hands out serials, finds what a
/// deletion has to delete, and keeps the exact counts. One use per group; the
/// caller holds the write lock.
class GroupCompiler {
 public:
  /// Everything is borrowed. `counts` is read and left alone.
  GroupCompiler(const View& view, int history_limit,
                const v1::StoreCounts& counts, const KnownUsers& known_users,
                RowSink& sink);

  absl::Status Compile(const std::vector<Operation>& operations);

  // What to make known once the rows are written.
  const v1::StoreCounts& counts() const { return counts_; }
  const WriteSummary& summary() const { return summary_; }
  /// Item ids whose record, or counters, changed.
  const absl::flat_hash_set<std::string>& changed_records() const {
    return changed_records_;
  }
  const absl::flat_hash_set<std::string>& changed_counters() const {
    return changed_counters_;
  }
  /// Users whose record was put or deleted, among others.
  const absl::flat_hash_map<std::string, bool>& users() const { return users_; }
  /// Users whose history was seen or made (true), or deleted (false).
  const absl::flat_hash_map<std::string, bool>& histories() const {
    return histories_;
  }

 private:
  struct PendingEvent {
    std::string key;
    std::string item_id;
  };
  using Existence = absl::flat_hash_map<std::string, bool>;

  absl::Status LoadExistence(const std::vector<Operation>& operations);
  absl::Status LookUp(Family family, Existence& keys) const;
  absl::Status LookUpRecords();
  absl::Status LookUpHistories();
  absl::Status ListModelVersions(Family family,
                                 std::set<std::string>& versions) const;

  absl::Status Apply(const PutRow& row);
  absl::Status Apply(const PutVectorRow& row);
  absl::Status Apply(const DeleteRow& row);
  absl::Status Apply(const DeleteModel& row);
  absl::Status Apply(const DeleteItemData& row);
  absl::Status Apply(const DeleteUserData& row);
  absl::Status Apply(const AddCounterRows& row);
  absl::Status Apply(const AppendEventRow& row);
  absl::Status Apply(const AppendAuditRow& row);

  void AddCounters(const std::vector<CounterAddition>& additions);
  absl::Status DeleteStoredEvents(const DeleteUserData& row);
  void DeletePendingEvents(const DeleteUserData& row);
  void DeleteOfEveryModel(Family family, const std::string& id);
  int64_t TakeSerial();

  const View& view_;
  const int history_limit_;
  const KnownUsers& known_users_;
  RowSink& sink_;

  v1::StoreCounts counts_;
  WriteSummary summary_;
  Existence items_;
  /// RecordHash of the records of items_ that exist.
  absl::flat_hash_map<std::string, uint64_t> record_hashes_;
  Existence users_;
  Existence histories_;
  Existence event_ids_;
  absl::flat_hash_set<std::string> changed_records_;
  absl::flat_hash_set<std::string> changed_counters_;

  // For deletions and replaced records only, which must see the rows of their
  // own group, too.
  bool has_deletions_ = false;
  bool deletes_vectors_ = false;
  absl::flat_hash_map<std::string, std::vector<PendingEvent>> pending_events_;
  absl::flat_hash_set<std::string> deleted_events_;
  std::set<std::string> vector_versions_;
  std::set<std::string> state_versions_;
};

}  // namespace attune::storage
