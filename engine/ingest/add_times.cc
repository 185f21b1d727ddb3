#include "engine/ingest/add_times.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "engine/ingest/event_writer.h"
#include "engine/ingest/record_parser.h"
#include "engine/io/record_reader.h"
#include "storage/write_group.h"

namespace attune {
namespace {

constexpr size_t kCallsPerWrite = 20'000;

// By item, in the file's order.
using ItemTimes = std::map<std::string, std::vector<int64_t>, std::less<>>;
// By user. Ordered, so that equal files make equal writes.
using UserTimes = std::map<std::string, ItemTimes>;

absl::Status ReadTimes(const AddTimesOptions& options,
                       const features::Schema& schema, UserTimes* times,
                       AddTimesSummary* summary) {
  ColumnMap map = options.map;
  map.AddDefaults(schema.name_map());
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<RecordReader> reader,
                          RecordReader::Open(options.path, map));
  RecordParser parser(&schema);
  Record record;
  v1::Event event;
  while (true) {
    const absl::StatusOr<bool> has_row = reader->Next(&record);
    if (has_row.ok() && !*has_row) return absl::OkStatus();
    absl::Status status = has_row.status();
    if (status.ok()) status = parser.ParseEvent(record, &event);
    if (status.ok() && !event.has_time_ms()) {
      status = RowError(record.path, record.line,
                        "there is neither \"timestamp\" nor \"time_ms\"");
    }
    if (status.ok()) {
      (*times)[event.user_id()][event.item_id()].push_back(event.time_ms());
      ++summary->rows;
    } else if (absl::IsInvalidArgument(status) && options.skip_bad_rows) {
      if (summary->errors.size() < options.listed_errors) {
        summary->errors.emplace_back(ToStd(status.message()));
      }
      ++summary->skipped;
    } else {
      return status;
    }
  }
}

struct UserEvent {
  v1::Event event;
  bool timed_now = false;
};

absl::StatusOr<std::vector<UserEvent>> ReadEvents(storage::Database& database,
                                                  std::string_view user_id) {
  std::vector<UserEvent> events;
  ATTUNE_RETURN_IF_ERROR(
      database.ForEachUserEvent(user_id, [&](const v1::Event& event) {
        events.push_back({event});
        return absl::OkStatus();
      }));
  return events;
}

enum class Match { kNothingToDo, kIncomplete, kComplete };

// Sets the times of all untimed events, or says that some are missing.
Match SetTimes(const ItemTimes& times, std::vector<UserEvent>* events) {
  std::map<std::string_view, size_t> used;
  Match match = Match::kNothingToDo;
  for (UserEvent& entry : *events) {
    if (entry.event.has_time_ms()) continue;
    const auto known = times.find(entry.event.item_id());
    if (known == times.end()) return Match::kIncomplete;
    size_t& next = used[known->first];
    if (next == known->second.size()) return Match::kIncomplete;
    entry.event.set_time_ms(known->second[next++]);
    entry.timed_now = true;
    match = Match::kComplete;
  }
  return match;
}

// Replaces all events of the user. Counters have counted them already; what
// decays with time is added for those that got theirs now.
absl::Status WriteEvents(const features::Schema& schema,
                         std::string_view user_id,
                         std::vector<UserEvent> events,
                         storage::WriteGroup* group) {
  std::stable_sort(events.begin(), events.end(),
                   [](const UserEvent& a, const UserEvent& b) {
                     return a.event.time_ms() < b.event.time_ms();
                   });
  ATTUNE_RETURN_IF_ERROR(group->DeleteUserEvents(user_id));
  for (UserEvent& entry : events) {
    v1::Event& event = entry.event;
    // The store would take it for a second delivery.
    event.clear_event_id();
    std::vector<storage::CounterUpdate> counters;
    if (entry.timed_now) counters = CountersOf(event);
    for (storage::CounterUpdate& update : counters) update.only_time = true;
    ATTUNE_RETURN_IF_ERROR(AppendEventWith(schema, event, counters, group));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddTimes(storage::Database* database,
                      const AddTimesOptions& options,
                      AddTimesSummary* summary) {
  *summary = AddTimesSummary();
  ATTUNE_ASSIGN_OR_RETURN(const features::Schema schema, LoadSchema(*database));
  UserTimes times;
  ATTUNE_RETURN_IF_ERROR(ReadTimes(options, schema, &times, summary));
  storage::WriteGroup group;
  for (const auto& [user_id, item_times] : times) {
    ATTUNE_ASSIGN_OR_RETURN(std::vector<UserEvent> events,
                            ReadEvents(*database, user_id));
    switch (SetTimes(item_times, &events)) {
      case Match::kNothingToDo:
        ++summary->users_without_need;
        continue;
      case Match::kIncomplete:
        ++summary->users_incomplete;
        continue;
      case Match::kComplete:
        break;
    }
    ++summary->users_timed;
    summary->events_timed +=
        std::count_if(events.begin(), events.end(),
                      [](const UserEvent& entry) { return entry.timed_now; });
    ATTUNE_RETURN_IF_ERROR(
        WriteEvents(schema, user_id, std::move(events), &group));
    if (group.size() >= kCallsPerWrite) {
      ATTUNE_RETURN_IF_ERROR(
          database->Write(std::exchange(group, storage::WriteGroup())));
    }
    if (options.cancelled != nullptr && options.cancelled->load()) {
      ATTUNE_RETURN_IF_ERROR(database->Write(std::move(group)));
      return absl::CancelledError(
          StrCat(options.path, ": stopped; the same command goes on"));
    }
  }
  return database->Write(std::move(group));
}

}  // namespace attune
