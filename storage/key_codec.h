#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace attune::storage {

// Keys of the column families. Plain ids are keys as they are; where an id is
// followed by something, it is written escaped (0x00 as 0x00 0xFF) and ended by
// 0x00 0x01, so that keys sort by id first and no id is a prefix of another.
//
//   default       attune.format | attune.history_limit | attune.counts
//                 meta/<key>    | journal/<kind>/<content hash>
//   items, users, histories, counters     the id
//   item_vectors, states                  model version, end, item or user id
//   events        'e' user, end, sort key, serial | 'i' hash of an event id
//                 'h' user: the user has a history
//   audit         serial

inline constexpr std::string_view kFormatKey = "attune.format";
inline constexpr std::string_view kHistoryLimitKey = "attune.history_limit";
inline constexpr std::string_view kCountsKey = "attune.counts";

std::string MetaKey(std::string_view key);
std::string JournalKey(std::string_view kind, std::string_view content_hash);

/// Prefix of all rows of a model version, followed by the plain id.
std::string ModelPrefix(std::string_view model_version);
std::string ModelKey(std::string_view model_version, std::string_view id);

struct ModelKeyParts {
  std::string model_version;
  std::string_view id;  // lives in the key
};
/// nullopt when `key` is no ModelKey.
std::optional<ModelKeyParts> DecodeModelKey(std::string_view key);

/// Prefix of all events of a user, and of all events.
std::string EventPrefix(std::string_view user_id);
inline constexpr std::string_view kAllEventsPrefix = "e";
void AppendEventSuffix(int64_t sort_key, uint64_t serial, std::string& key);

struct EventKeyParts {
  std::string user_id;
  int64_t sort_key = 0;
  uint64_t serial = 0;
};
std::optional<EventKeyParts> DecodeEventKey(std::string_view key);

/// An event id is kept as its xxh3-128: of fixed size, and it says nothing
/// about a user who is deleted. That two of 10^12 ids collide has a probability
/// of 10^-15.
std::string EventIdKey(std::string_view event_id);

/// Marks a user with a history: whether there is one must be known with every
/// event, to keep their number, and reading the history itself would cost a
/// merge of hundreds of events.
std::string HistoryMarkKey(std::string_view user_id);

std::string AuditKey(uint64_t serial);

/// The smallest key above everything that starts with `prefix`, which must not
/// be all 0xFF.
std::string PrefixEnd(std::string_view prefix);

}  // namespace attune::storage
