#include "storage/write_group.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "proto/counter_math.h"
#include "storage/database.h"
#include "storage/key_codec.h"
#include "storage/operations.h"
#include "storage/text_check.h"

namespace attune::storage {
namespace {

absl::StatusOr<std::vector<CounterAddition>> EncodeCounters(
    std::span<const CounterUpdate> updates) {
  std::vector<CounterAddition> additions;
  additions.reserve(updates.size());
  for (const CounterUpdate& update : updates) {
    ATTUNE_RETURN_IF_ERROR(CheckId("item id", update.item_id));
    if (!IsUtf8(update.action)) {
      return absl::InvalidArgumentError(
          StrCat("action ", QuoteId(update.action), " is not UTF-8"));
    }
    if (!std::isfinite(update.amount)) {
      return absl::InvalidArgumentError(
          StrCat("counter of item ", QuoteId(update.item_id), ": amount ",
                 update.amount, " is not finite"));
    }
    v1::Counters operand;
    v1::Counter& counter = *operand.add_counters();
    counter.set_action(std::string(update.action));
    AddToCounter(update.time_ms, update.amount, counter);
    if (update.only_time) counter.set_total(0);
    additions.push_back(
        {std::string(update.item_id), operand.SerializeAsString()});
  }
  return additions;
}

size_t BytesOf(const std::vector<CounterAddition>& additions) {
  size_t bytes = 0;
  for (const CounterAddition& addition : additions) {
    bytes +=
        sizeof(addition) + addition.item_id.size() + addition.operand.size();
  }
  return bytes;
}

absl::Status Add(WriteGroup::Rep& rep, Operation operation,
                 size_t payload_bytes) {
  rep.operations.push_back(std::move(operation));
  rep.bytes += sizeof(Operation) + payload_bytes;
  return absl::OkStatus();
}

absl::Status AddPut(WriteGroup::Rep& rep, Family family, std::string key,
                    std::string value) {
  const size_t bytes = key.size() + value.size();
  return Add(rep, PutRow{family, std::move(key), std::move(value)}, bytes);
}

absl::Status CheckModelKey(std::string_view model_version,
                           std::string_view id_name, std::string_view id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  return CheckId(id_name, id);
}

absl::Status AddVector(WriteGroup::Rep& rep, std::string_view model_version,
                       std::string_view item_id, std::string_view bytes,
                       std::optional<uint64_t> made_of) {
  ATTUNE_RETURN_IF_ERROR(CheckModelKey(model_version, "item id", item_id));
  PutVectorRow row = {std::string(item_id), ModelKey(model_version, item_id),
                      std::string(bytes), made_of};
  const size_t size = row.item_id.size() + row.key.size() + row.value.size();
  return Add(rep, std::move(row), size);
}

}  // namespace

WriteGroup::WriteGroup() : rep_(std::make_unique<Rep>()) {}
WriteGroup::~WriteGroup() = default;
WriteGroup::WriteGroup(WriteGroup&& other) noexcept = default;
WriteGroup& WriteGroup::operator=(WriteGroup&& other) noexcept = default;

absl::Status WriteGroup::PutItem(const v1::Item& item) {
  ATTUNE_RETURN_IF_ERROR(CheckId("item id", item.item_id()));
  ATTUNE_RETURN_IF_ERROR(CheckText(item));
  return AddPut(*rep_, Family::kItems, item.item_id(),
                item.SerializeAsString());
}

absl::Status WriteGroup::DeleteItem(std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("item id", item_id));
  return Add(*rep_, DeleteItemData{std::string(item_id)}, item_id.size());
}

absl::Status WriteGroup::PutUser(const v1::User& user) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user.user_id()));
  ATTUNE_RETURN_IF_ERROR(CheckText(user));
  return AddPut(*rep_, Family::kUsers, user.user_id(),
                user.SerializeAsString());
}

absl::Status WriteGroup::DeleteUser(std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  return Add(*rep_,
             DeleteUserData{.user_id = std::string(user_id),
                            .with_record = true,
                            .item_id = std::nullopt},
             user_id.size());
}

absl::Status WriteGroup::AppendEvent(const v1::Event& event,
                                     const HistoryEntry* entry,
                                     std::span<const CounterUpdate> counters) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", event.user_id()));
  ATTUNE_RETURN_IF_ERROR(CheckId("item id", event.item_id()));
  if (!event.event_id().empty()) {
    ATTUNE_RETURN_IF_ERROR(CheckId("event id", event.event_id()));
  }
  ATTUNE_RETURN_IF_ERROR(CheckText(event));
  const std::optional<int64_t> sort_key = SortKey(event);
  if (!sort_key.has_value()) {
    return absl::InvalidArgumentError(
        StrCat("event of user ", QuoteId(event.user_id()), " with item ",
               QuoteId(event.item_id()), " has neither time_ms nor order"));
  }
  AppendEventRow row;
  if (entry != nullptr) {
    if (!IsUtf8(entry->action)) {
      return absl::InvalidArgumentError(
          StrCat("action ", QuoteId(entry->action), " is not UTF-8"));
    }
    v1::HistoryEvent history_event;
    history_event.set_item_id(event.item_id());
    history_event.set_action(std::string(entry->action));
    history_event.set_sort_key(*sort_key);
    history_event.set_has_time(event.has_time_ms());
    row.history_event = history_event.SerializeAsString();
  }
  ATTUNE_ASSIGN_OR_RETURN(row.additions, EncodeCounters(counters));
  row.user_id = event.user_id();
  row.item_id = event.item_id();
  row.sort_key = *sort_key;
  // The key has the user id.
  v1::Event stored = event;
  stored.clear_user_id();
  row.event = stored.SerializeAsString();
  if (!event.event_id().empty()) {
    row.event_id_key = EventIdKey(event.event_id());
  }
  const size_t bytes = row.user_id.size() + row.item_id.size() +
                       row.event.size() +
                       (row.history_event ? row.history_event->size() : 0) +
                       BytesOf(row.additions);
  return Add(*rep_, std::move(row), bytes);
}

absl::Status WriteGroup::AddCounters(std::span<const CounterUpdate> counters) {
  ATTUNE_ASSIGN_OR_RETURN(std::vector<CounterAddition> additions,
                          EncodeCounters(counters));
  const size_t bytes = BytesOf(additions);
  return Add(*rep_, AddCounterRows{std::move(additions)}, bytes);
}

absl::Status WriteGroup::DeleteUserEvents(std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  return Add(*rep_,
             DeleteUserData{.user_id = std::string(user_id),
                            .with_record = false,
                            .item_id = std::nullopt},
             user_id.size());
}

absl::Status WriteGroup::DeleteUserItemEvents(std::string_view user_id,
                                              std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  ATTUNE_RETURN_IF_ERROR(CheckId("item id", item_id));
  return Add(*rep_,
             DeleteUserData{.user_id = std::string(user_id),
                            .with_record = false,
                            .item_id = std::string(item_id)},
             user_id.size() + item_id.size());
}

absl::Status WriteGroup::PutItemVector(std::string_view model_version,
                                       std::string_view item_id,
                                       std::string_view bytes) {
  return AddVector(*rep_, model_version, item_id, bytes, std::nullopt);
}

absl::Status WriteGroup::PutItemVectorOf(uint64_t record,
                                         std::string_view model_version,
                                         std::string_view item_id,
                                         std::string_view bytes) {
  return AddVector(*rep_, model_version, item_id, bytes, record);
}

absl::Status WriteGroup::DeleteItemVector(std::string_view model_version,
                                          std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckModelKey(model_version, "item id", item_id));
  return Add(*rep_,
             DeleteRow{Family::kItemVectors, ModelKey(model_version, item_id)},
             item_id.size());
}

absl::Status WriteGroup::DeleteModelVectors(std::string_view model_version) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  return Add(*rep_,
             DeleteModel{Family::kItemVectors, std::string(model_version)},
             model_version.size());
}

absl::Status WriteGroup::PutState(std::string_view model_version,
                                  std::string_view user_id,
                                  std::string_view bytes) {
  ATTUNE_RETURN_IF_ERROR(CheckModelKey(model_version, "user id", user_id));
  return AddPut(*rep_, Family::kStates, ModelKey(model_version, user_id),
                std::string(bytes));
}

absl::Status WriteGroup::DeleteState(std::string_view model_version,
                                     std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckModelKey(model_version, "user id", user_id));
  return Add(*rep_,
             DeleteRow{Family::kStates, ModelKey(model_version, user_id)},
             user_id.size());
}

absl::Status WriteGroup::DeleteModelStates(std::string_view model_version) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  return Add(*rep_, DeleteModel{Family::kStates, std::string(model_version)},
             model_version.size());
}

absl::Status WriteGroup::PutMeta(std::string_view key, std::string_view bytes) {
  ATTUNE_RETURN_IF_ERROR(CheckId("meta key", key));
  return AddPut(*rep_, Family::kMeta, MetaKey(key), std::string(bytes));
}

absl::Status WriteGroup::DeleteMeta(std::string_view key) {
  ATTUNE_RETURN_IF_ERROR(CheckId("meta key", key));
  return Add(*rep_, DeleteRow{Family::kMeta, MetaKey(key)}, key.size());
}

absl::Status WriteGroup::AppendAudit(std::string_view bytes) {
  return Add(*rep_, AppendAuditRow{std::string(bytes)}, bytes.size());
}

absl::Status WriteGroup::PutJournal(std::string_view kind,
                                    std::string_view content_hash,
                                    const v1::JournalEntry& entry) {
  ATTUNE_RETURN_IF_ERROR(CheckJournalKey(kind, content_hash));
  if (!IsUtf8(entry.path()) || !IsUtf8(entry.summary())) {
    return absl::InvalidArgumentError(
        StrCat("journal of ", QuoteId(entry.path()), ": text is not UTF-8"));
  }
  return AddPut(*rep_, Family::kMeta, JournalKey(kind, content_hash),
                entry.SerializeAsString());
}

size_t WriteGroup::size() const { return rep_->operations.size(); }
size_t WriteGroup::size_bytes() const { return rep_->bytes; }

void WriteGroup::Clear() {
  rep_->operations.clear();
  rep_->bytes = 0;
}

}  // namespace attune::storage
