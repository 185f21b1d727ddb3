#include "storage/group_compiler.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/hash/hash.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/batched_read.h"
#include "storage/key_codec.h"
#include "storage/record_hash.h"
#include "storage/status_translation.h"
#include "storage/wire_reader.h"

namespace attune::storage {
namespace {

// 64 Ki hashes take about a megabyte.
constexpr size_t kMaxKnownUsers = 1 << 16;

std::string AppendOperand(std::string_view history_event, int64_t serial,
                          int history_limit) {
  std::string operation;
  AppendBytesField(v1::HistoryOperation::kAppendFieldNumber, history_event,
                   operation);
  AppendNumberField(v1::HistoryOperation::kSerialFieldNumber, serial,
                    operation);
  AppendNumberField(v1::HistoryOperation::kHistoryLimitFieldNumber,
                    history_limit, operation);
  std::string operand;
  AppendBytesField(v1::HistoryOperations::kOperationsFieldNumber, operation,
                   operand);
  return operand;
}

std::string DeleteOperand(const std::string& item_id, int64_t serial) {
  v1::HistoryOperations operand;
  v1::HistoryOperation& operation = *operand.add_operations();
  operation.set_delete_item(item_id);
  operation.set_serial(serial);
  return operand.SerializeAsString();
}

std::string_view ItemOf(std::string_view event) {
  WireReader reader(event);
  while (reader.Next()) {
    if (reader.field() == v1::Event::kItemIdFieldNumber) return reader.bytes();
  }
  return {};
}

}  // namespace

bool KnownUsers::Contains(std::string_view user_id) const {
  return hashes_.contains(absl::HashOf(user_id));
}

void KnownUsers::Add(std::string_view user_id) {
  if (hashes_.size() >= kMaxKnownUsers) hashes_.clear();
  hashes_.insert(absl::HashOf(user_id));
}

void KnownUsers::Remove(std::string_view user_id) {
  hashes_.erase(absl::HashOf(user_id));
}

GroupCompiler::GroupCompiler(const View& view, int history_limit,
                             const v1::StoreCounts& counts,
                             const KnownUsers& known_users, RowSink& sink)
    : view_(view),
      history_limit_(history_limit),
      known_users_(known_users),
      sink_(sink),
      counts_(counts) {}

absl::Status GroupCompiler::Compile(const std::vector<Operation>& operations) {
  ATTUNE_RETURN_IF_ERROR(LoadExistence(operations));
  const std::string counts_before = counts_.SerializeAsString();
  for (const Operation& operation : operations) {
    ATTUNE_RETURN_IF_ERROR(
        std::visit([this](const auto& row) { return Apply(row); }, operation));
  }
  const std::string counts_after = counts_.SerializeAsString();
  if (counts_after != counts_before) {
    sink_.Put(Family::kMeta, kCountsKey, counts_after);
  }
  return absl::OkStatus();
}

// One sorted read per family instead of one read per row.
absl::Status GroupCompiler::LoadExistence(
    const std::vector<Operation>& operations) {
  const auto need_history = [this](const std::string& user_id) {
    if (known_users_.Contains(user_id)) {
      histories_[user_id] = true;
    } else {
      histories_.try_emplace(user_id, false);
    }
  };
  bool puts_twice = false;
  for (const Operation& operation : operations) {
    if (const auto* put = std::get_if<PutRow>(&operation)) {
      if (put->family == Family::kItems) {
        if (!items_.try_emplace(put->key, false).second) puts_twice = true;
      }
      if (put->family == Family::kUsers) users_.try_emplace(put->key, false);
    } else if (const auto* vector = std::get_if<PutVectorRow>(&operation)) {
      if (vector->made_of.has_value()) {
        items_.try_emplace(vector->item_id, false);
      }
    } else if (const auto* item = std::get_if<DeleteItemData>(&operation)) {
      has_deletions_ = true;
      items_.try_emplace(item->item_id, false);
    } else if (const auto* user = std::get_if<DeleteUserData>(&operation)) {
      has_deletions_ = true;
      users_.try_emplace(user->user_id, false);
      need_history(user->user_id);
    } else if (const auto* event = std::get_if<AppendEventRow>(&operation)) {
      if (event->history_event.has_value()) need_history(event->user_id);
      if (!event->event_id_key.empty()) {
        event_ids_.try_emplace(event->event_id_key, false);
      }
    }
  }
  ATTUNE_RETURN_IF_ERROR(LookUpRecords());
  ATTUNE_RETURN_IF_ERROR(LookUp(Family::kUsers, users_));
  ATTUNE_RETURN_IF_ERROR(LookUp(Family::kEvents, event_ids_));
  ATTUNE_RETURN_IF_ERROR(LookUpHistories());
  deletes_vectors_ = has_deletions_ || puts_twice || !record_hashes_.empty();
  if (deletes_vectors_) {
    ATTUNE_RETURN_IF_ERROR(
        ListModelVersions(Family::kItemVectors, vector_versions_));
  }
  if (has_deletions_) {
    ATTUNE_RETURN_IF_ERROR(ListModelVersions(Family::kStates, state_versions_));
  }
  return absl::OkStatus();
}

absl::Status GroupCompiler::LookUp(Family family, Existence& keys) const {
  std::vector<std::string_view> wanted;
  wanted.reserve(keys.size());
  for (const auto& [key, exists] : keys) {
    if (!exists) wanted.push_back(key);
  }
  return BatchedRead(view_, family, wanted,
                     [&](size_t i, std::string_view /*value*/) {
                       keys[std::string(wanted[i])] = true;
                       return absl::OkStatus();
                     });
}

absl::Status GroupCompiler::LookUpRecords() {
  std::vector<std::string_view> wanted;
  wanted.reserve(items_.size());
  for (const auto& [item_id, exists] : items_) wanted.push_back(item_id);
  return BatchedRead(view_, Family::kItems, wanted,
                     [&](size_t i, std::string_view value) {
                       std::string item_id(wanted[i]);
                       items_[item_id] = true;
                       record_hashes_[std::move(item_id)] = RecordHash(value);
                       return absl::OkStatus();
                     });
}

absl::Status GroupCompiler::LookUpHistories() {
  std::vector<std::string> keys;
  std::vector<bool*> exists;
  for (auto& [user_id, has_history] : histories_) {
    if (has_history) continue;
    keys.push_back(HistoryMarkKey(user_id));
    exists.push_back(&has_history);
  }
  const std::vector<std::string_view> wanted(keys.begin(), keys.end());
  return BatchedRead(view_, Family::kEvents, wanted,
                     [&](size_t i, std::string_view /*value*/) {
                       *exists[i] = true;
                       return absl::OkStatus();
                     });
}

absl::Status GroupCompiler::ListModelVersions(
    Family family, std::set<std::string>& versions) const {
  const std::unique_ptr<rocksdb::Iterator> it(
      view_.db().NewIterator(rocksdb::ReadOptions(), view_.handle(family)));
  it->SeekToFirst();
  while (it->Valid()) {
    std::optional<ModelKeyParts> parts = DecodeModelKey(ToView(it->key()));
    if (!parts.has_value()) {
      return absl::DataLossError(
          StrCat("malformed key in ", kFamilyNames[Index(family)]));
    }
    const std::string end = PrefixEnd(ModelPrefix(parts->model_version));
    versions.insert(std::move(parts->model_version));
    it->Seek(end);
  }
  return Translate(it->status(), "list model versions");
}

int64_t GroupCompiler::TakeSerial() {
  // Starts at 1: an epoch of 0 means that a history was never born.
  const int64_t serial = std::max<int64_t>(counts_.next_serial(), 1);
  counts_.set_next_serial(serial + 1);
  return serial;
}

absl::Status GroupCompiler::Apply(const PutRow& row) {
  if (row.family == Family::kItems) {
    bool& exists = items_[row.key];
    ++(exists ? summary_.items_replaced : summary_.items_added);
    if (!exists) counts_.set_items(counts_.items() + 1);
    uint64_t& hash = record_hashes_[row.key];
    const uint64_t before = std::exchange(hash, RecordHash(row.value));
    if (!exists || hash != before) {
      // What was made of the record before is worth nothing now.
      if (exists) DeleteOfEveryModel(Family::kItemVectors, row.key);
      changed_records_.insert(row.key);
    }
    exists = true;
  } else if (row.family == Family::kUsers) {
    bool& exists = users_[row.key];
    ++(exists ? summary_.users_replaced : summary_.users_added);
    if (!exists) counts_.set_users(counts_.users() + 1);
    exists = true;
  } else if (has_deletions_ && row.family == Family::kStates) {
    state_versions_.insert(std::move(DecodeModelKey(row.key)->model_version));
  }
  sink_.Put(row.family, row.key, row.value);
  return absl::OkStatus();
}

absl::Status GroupCompiler::Apply(const PutVectorRow& row) {
  if (row.made_of.has_value() &&
      (!items_[row.item_id] || record_hashes_[row.item_id] != *row.made_of)) {
    ++summary_.vectors_outdated;
    return absl::OkStatus();
  }
  ++summary_.vectors_added;
  if (deletes_vectors_) {
    std::optional<ModelKeyParts> parts = DecodeModelKey(row.key);
    if (!parts.has_value())
      return absl::InternalError("no model in a row's key");
    vector_versions_.insert(std::move(parts->model_version));
  }
  sink_.Put(Family::kItemVectors, row.key, row.value);
  return absl::OkStatus();
}

absl::Status GroupCompiler::Apply(const DeleteRow& row) {
  sink_.Delete(row.family, row.key);
  return absl::OkStatus();
}

absl::Status GroupCompiler::Apply(const DeleteModel& row) {
  const std::string begin = ModelPrefix(row.model_version);
  sink_.DeleteRange(row.family, begin, PrefixEnd(begin));
  return absl::OkStatus();
}

absl::Status GroupCompiler::Apply(const DeleteItemData& row) {
  bool& exists = items_[row.item_id];
  if (exists) counts_.set_items(counts_.items() - 1);
  exists = false;
  changed_records_.insert(row.item_id);
  DeleteOfEveryModel(Family::kItemVectors, row.item_id);
  sink_.Delete(Family::kItems, row.item_id);
  return absl::OkStatus();
}

void GroupCompiler::DeleteOfEveryModel(Family family, const std::string& id) {
  const std::set<std::string>& versions =
      family == Family::kStates ? state_versions_ : vector_versions_;
  for (const std::string& version : versions) {
    sink_.Delete(family, ModelKey(version, id));
  }
}

absl::Status GroupCompiler::Apply(const DeleteUserData& row) {
  ATTUNE_RETURN_IF_ERROR(DeleteStoredEvents(row));
  DeletePendingEvents(row);
  bool& has_history = histories_[row.user_id];
  if (row.item_id.has_value()) {
    if (has_history) {
      sink_.Merge(Family::kHistories, row.user_id,
                  DeleteOperand(*row.item_id, TakeSerial()));
    }
    return absl::OkStatus();
  }
  if (has_history) {
    counts_.set_histories(counts_.histories() - 1);
    sink_.Delete(Family::kHistories, row.user_id);
    sink_.Delete(Family::kEvents, HistoryMarkKey(row.user_id));
    has_history = false;
  }
  DeleteOfEveryModel(Family::kStates, row.user_id);
  if (!row.with_record) return absl::OkStatus();
  bool& exists = users_[row.user_id];
  if (exists) counts_.set_users(counts_.users() - 1);
  exists = false;
  sink_.Delete(Family::kUsers, row.user_id);
  return absl::OkStatus();
}

absl::Status GroupCompiler::DeleteStoredEvents(const DeleteUserData& row) {
  const std::string prefix = EventPrefix(row.user_id);
  const std::string end = PrefixEnd(prefix);
  const rocksdb::Slice upper_bound(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> it(
      view_.db().NewIterator(options, view_.handle(Family::kEvents)));
  for (it->Seek(prefix); it->Valid(); it->Next()) {
    if (row.item_id.has_value() &&
        ItemOf(ToView(it->value())) != *row.item_id) {
      continue;
    }
    const std::string_view key = ToView(it->key());
    if (!deleted_events_.emplace(key).second) continue;
    sink_.Delete(Family::kEvents, key);
    counts_.set_events(counts_.events() - 1);
    ++summary_.events_deleted;
  }
  return Translate(it->status(), "read a user's events");
}

void GroupCompiler::DeletePendingEvents(const DeleteUserData& row) {
  const auto found = pending_events_.find(row.user_id);
  if (found == pending_events_.end()) return;
  std::erase_if(found->second, [&](PendingEvent& event) {
    if (row.item_id.has_value() && event.item_id != *row.item_id) return false;
    sink_.Delete(Family::kEvents, event.key);
    counts_.set_events(counts_.events() - 1);
    ++summary_.events_deleted;
    return true;
  });
}

absl::Status GroupCompiler::Apply(const AddCounterRows& row) {
  AddCounters(row.additions);
  return absl::OkStatus();
}

void GroupCompiler::AddCounters(const std::vector<CounterAddition>& additions) {
  for (const CounterAddition& addition : additions) {
    changed_counters_.insert(addition.item_id);
    sink_.Merge(Family::kCounters, addition.item_id, addition.operand);
  }
}

absl::Status GroupCompiler::Apply(const AppendEventRow& row) {
  if (!row.event_id_key.empty()) {
    bool& seen = event_ids_[row.event_id_key];
    if (seen) {
      ++summary_.events_duplicate;
      return absl::OkStatus();
    }
    seen = true;
    sink_.Put(Family::kEvents, row.event_id_key, {});
  }
  const int64_t serial = TakeSerial();
  std::string key = EventPrefix(row.user_id);
  AppendEventSuffix(row.sort_key, static_cast<uint64_t>(serial), key);
  if (has_deletions_) {
    pending_events_[row.user_id].push_back({key, row.item_id});
  }
  sink_.Put(Family::kEvents, key, row.event);
  counts_.set_events(counts_.events() + 1);
  ++summary_.events_added;
  AddCounters(row.additions);
  if (row.history_event.has_value()) {
    bool& has_history = histories_[row.user_id];
    if (!has_history) {
      counts_.set_histories(counts_.histories() + 1);
      sink_.Put(Family::kEvents, HistoryMarkKey(row.user_id), {});
      // An empty history to start from: operands without one would be carried
      // along unmerged by flushes, and a bulk load would have to read.
      sink_.Put(Family::kHistories, row.user_id, {});
      has_history = true;
    }
    sink_.Merge(Family::kHistories, row.user_id,
                AppendOperand(*row.history_event, serial, history_limit_));
  }
  return absl::OkStatus();
}

absl::Status GroupCompiler::Apply(const AppendAuditRow& row) {
  sink_.Put(Family::kAudit, AuditKey(static_cast<uint64_t>(TakeSerial())),
            row.bytes);
  return absl::OkStatus();
}

}  // namespace attune::storage
