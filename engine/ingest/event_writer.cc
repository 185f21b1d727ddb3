#include "engine/ingest/event_writer.h"

#include <optional>
#include <string_view>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/record_checks.h"

namespace attune {
namespace {

absl::Status At(std::string_view list, size_t index, absl::Status status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      StrCat(list, "[", index, "]: ", ToStd(status.message())));
}

}  // namespace

std::vector<storage::CounterUpdate> CountersOf(const v1::Event& event) {
  std::optional<int64_t> time_ms;
  if (event.has_time_ms()) time_ms = event.time_ms();
  std::vector<storage::CounterUpdate> counters;
  counters.reserve(1 + event.followed_size());
  counters.push_back({event.item_id(), event.action(), time_ms});
  for (const std::string& action : event.followed()) {
    counters.push_back({event.item_id(), action, time_ms});
  }
  return counters;
}

absl::Status AppendEvent(const features::Schema& schema, const v1::Event& event,
                         storage::WriteGroup* group) {
  return AppendEventWith(schema, event, CountersOf(event), group);
}

absl::Status AppendEventWith(const features::Schema& schema,
                             const v1::Event& event,
                             std::span<const storage::CounterUpdate> counters,
                             storage::WriteGroup* group) {
  const std::optional<v1::HistoryEvent> row = schema.HistoryEntryFor(event);
  storage::HistoryEntry entry;
  if (row.has_value()) entry.action = row->action();
  return group->AppendEvent(event, row.has_value() ? &entry : nullptr,
                            counters);
}

absl::Status ApplyEvents(const features::Schema& schema,
                         std::span<const v1::Event> events, int64_t now_ms,
                         storage::WriteGroup* group) {
  v1::Event event;
  for (size_t i = 0; i < events.size(); ++i) {
    event = events[i];
    if (event.action().empty()) {
      event.set_action(schema.actions().default_action());
    }
    if (!event.has_time_ms() && !event.has_order()) event.set_time_ms(now_ms);
    ATTUNE_RETURN_IF_ERROR(At("events", i, CheckEvent(&event)));
    ATTUNE_RETURN_IF_ERROR(At("events", i, AppendEvent(schema, event, group)));
  }
  return absl::OkStatus();
}

absl::Status ApplyItems(std::span<const v1::Item> items,
                        storage::WriteGroup* group) {
  v1::Item item;
  for (size_t i = 0; i < items.size(); ++i) {
    item = items[i];
    ATTUNE_RETURN_IF_ERROR(At("items", i, CheckItem(&item)));
    ATTUNE_RETURN_IF_ERROR(At("items", i, group->PutItem(item)));
  }
  return absl::OkStatus();
}

absl::Status ApplyUsers(std::span<const v1::User> users,
                        storage::WriteGroup* group) {
  v1::User user;
  for (size_t i = 0; i < users.size(); ++i) {
    user = users[i];
    ATTUNE_RETURN_IF_ERROR(At("users", i, CheckUser(&user)));
    ATTUNE_RETURN_IF_ERROR(At("users", i, group->PutUser(user)));
  }
  return absl::OkStatus();
}

}  // namespace attune
