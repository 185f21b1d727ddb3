#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/patient_lock.h"
#include "engine/model/neighbour_profile.h"
#include "engine/model/scorer.h"
#include "engine/model/user_state.h"
#include "features/history_profile.h"
#include "features/pipeline.h"
#include "proto/records.pb.h"

namespace attune {

/// A user's encoded history and profile between requests, with the lock that a
/// request holds while it reads or extends them. Shared through the state
/// cache as const; what changes is guarded by `lock`.
struct KeptState {
  explicit KeptState(const ModelConfig& config) : state(config) {}

  mutable PatientLock lock;
  mutable UserState state;
  /// Profile of the newest events, for the cross features; rebuilt when the
  /// stored history is another one.
  mutable features::HistoryProfile profile;
  mutable NeighbourProfile neighbours;
  /// All events of that history, as the network takes them.
  mutable std::vector<WindowEvent> events;
  mutable int64_t profile_count = -1;
  mutable int64_t profile_epoch = -1;
  /// What the store had of the user when the numbers of UserVersions were these
  /// (0: never read): parsing 200 events takes a tenth of a warm request.
  mutable uint64_t history_version = 0;
  mutable v1::History history;
  mutable uint64_t record_version = 0;
  mutable std::optional<v1::User> record;
  /// `record` as features, made by the first request after its reading.
  mutable std::optional<features::UserFeatures> user_features;
  /// Of the request that holds the lock; kept for its memory.
  mutable features::RequestFeatures request_features;
  /// Events that size_bytes() counted when the cache asked.
  mutable int counted_events = 0;

  /// For the cache's accounting: the profile's tables are bounded by the
  /// newest 100 events with some 30 attributes each, 32 bytes an entry at half
  /// load and 40 for what its match is worth.
  /// The neighbours' sums: 20 events with 100 neighbours at most.
  static constexpr size_t kProfileBytes = 100 * 30 * (64 + 40) + 20 * 100 * 32;
  /// An event's message with two short strings, and its WindowEvent.
  static constexpr size_t kEventBytes = 160 + sizeof(WindowEvent);
  /// Whether it has outgrown what was counted; then counts anew, with room for
  /// some events more. True: put it into the cache again.
  bool Recount() const {
    constexpr int kRoom = 32;
    if (history.events_size() <= counted_events) return false;
    counted_events = history.events_size() + kRoom;
    return true;
  }
  size_t size_bytes() const {
    return sizeof(*this) + state.size_bytes() + kProfileBytes +
           kEventBytes * static_cast<size_t>(counted_events) +
           (record.has_value() ? 4 * record->ByteSizeLong() : 0);
  }
};

}  // namespace attune
