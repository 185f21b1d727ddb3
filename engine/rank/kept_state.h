#pragma once

#include <cstdint>

#include "base/patient_lock.h"
#include "engine/model/neighbour_profile.h"
#include "engine/model/user_state.h"
#include "features/history_profile.h"

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
  mutable int64_t profile_count = -1;
  mutable int64_t profile_epoch = -1;

  /// For the cache's accounting: the profile's tables are bounded by the
  /// newest 100 events with some 30 attributes each, 32 bytes an entry at half
  /// load.
  /// The neighbours' sums: 20 events with 100 neighbours at most.
  static constexpr size_t kProfileBytes = 100 * 30 * 64 + 20 * 100 * 32;
  size_t size_bytes() const {
    return sizeof(*this) + state.size_bytes() + kProfileBytes;
  }
};

}  // namespace attune
