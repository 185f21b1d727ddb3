#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "proto/records.pb.h"

namespace attune {

// What every way in (ingest, the plugin's put_*) demands of a record before it
// is stored. InvalidArgument names the field and what is wrong with it, in the
// form `field "timestamp": …`; the caller adds the place.

/// Largest time taken as one: 1 January 2100, in ms. Beyond it, seconds were
/// most likely milliseconds.
inline constexpr int64_t kMaxTimeMs = 4102444800000;

inline constexpr int kMaxFeaturesPerRecord = 4096;
inline constexpr int kMaxActionBytes = 256;

/// Checks the id and texts, and brings `features` into their stored form:
/// sorted by name, each name once, finite numbers, no empty value.
absl::Status CheckItem(v1::Item* item);
absl::Status CheckUser(v1::User* user);
/// Also: an action, and a time or an order, both of which the caller fills in
/// first where it has a default; times from 0 to kMaxTimeMs; `followed` only
/// with impressions, each action once.
absl::Status CheckEvent(v1::Event* event);

}  // namespace attune
