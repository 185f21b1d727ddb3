#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "features/schema.h"
#include "proto/records.pb.h"
#include "storage/write_group.h"

namespace attune {

// The one way by which records enter a database, for ingest and for the
// plugin's put_* alike, so that both leave the same rows.

/// Adds the event with everything derived from it: its row in the user's
/// history, where the schema's actions give it one, and one count of the item
/// per action (an impression counts as such and once per action that
/// followed). The event has passed CheckEvent().
absl::Status AppendEvent(const features::Schema& schema, const v1::Event& event,
                         storage::WriteGroup* group);

/// The counts of AppendEvent: views of the event.
std::vector<storage::CounterUpdate> CountersOf(const v1::Event& event);

/// AppendEvent with other counts, for an event that was counted before.
absl::Status AppendEventWith(const features::Schema& schema,
                             const v1::Event& event,
                             std::span<const storage::CounterUpdate> counters,
                             storage::WriteGroup* group);

/// Checks and adds all of them; a missing action becomes the schema's default,
/// an event with neither time nor order gets `now_ms`. InvalidArgument names
/// the index ("events[3]: field …"); `group` may then hold some of them.
absl::Status ApplyEvents(const features::Schema& schema,
                         std::span<const v1::Event> events, int64_t now_ms,
                         storage::WriteGroup* group);
absl::Status ApplyItems(std::span<const v1::Item> items,
                        storage::WriteGroup* group);
absl::Status ApplyUsers(std::span<const v1::User> users,
                        storage::WriteGroup* group);

}  // namespace attune
