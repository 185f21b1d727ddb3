#include "storage/key_codec.h"

#include <xxhash.h>

#include "base/strings.h"

namespace attune::storage {
namespace {

constexpr char kEscape = '\x00';
constexpr char kEscapedZero = '\xFF';
constexpr char kEnd = '\x01';
constexpr size_t kEventSuffixBytes = 16;

void AppendEscaped(std::string_view id, std::string& key) {
  for (const char c : id) {
    key.push_back(c);
    if (c == kEscape) key.push_back(kEscapedZero);
  }
  key.push_back(kEscape);
  key.push_back(kEnd);
}

// Takes an escaped id off the front of `key`.
std::optional<std::string> TakeEscaped(std::string_view& key) {
  std::string id;
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] != kEscape) {
      id.push_back(key[i]);
      continue;
    }
    if (++i == key.size()) return std::nullopt;
    if (key[i] == kEnd) {
      key.remove_prefix(i + 1);
      return id;
    }
    if (key[i] != kEscapedZero) return std::nullopt;
    id.push_back(kEscape);
  }
  return std::nullopt;
}

void AppendBigEndian(uint64_t number, std::string& key) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(number >> shift));
  }
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) {
    number = number << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return number;
}

// Flips the sign, so that negative numbers sort below positive ones.
constexpr uint64_t kSignBit = uint64_t{1} << 63;

}  // namespace

std::string MetaKey(std::string_view key) { return StrCat("meta/", key); }

std::string JournalKey(std::string_view kind, std::string_view content_hash) {
  return StrCat("journal/", kind, "/", content_hash);
}

std::string ModelPrefix(std::string_view model_version) {
  std::string key;
  AppendEscaped(model_version, key);
  return key;
}

std::string ModelKey(std::string_view model_version, std::string_view id) {
  std::string key = ModelPrefix(model_version);
  key.append(id);
  return key;
}

std::optional<ModelKeyParts> DecodeModelKey(std::string_view key) {
  std::optional<std::string> model_version = TakeEscaped(key);
  if (!model_version.has_value()) return std::nullopt;
  return ModelKeyParts{*std::move(model_version), key};
}

std::string EventPrefix(std::string_view user_id) {
  std::string key(kAllEventsPrefix);
  AppendEscaped(user_id, key);
  return key;
}

void AppendEventSuffix(int64_t sort_key, uint64_t serial, std::string& key) {
  AppendBigEndian(static_cast<uint64_t>(sort_key) ^ kSignBit, key);
  AppendBigEndian(serial, key);
}

std::optional<EventKeyParts> DecodeEventKey(std::string_view key) {
  if (!key.starts_with(kAllEventsPrefix)) return std::nullopt;
  key.remove_prefix(kAllEventsPrefix.size());
  std::optional<std::string> user_id = TakeEscaped(key);
  if (!user_id.has_value() || key.size() != kEventSuffixBytes) {
    return std::nullopt;
  }
  return EventKeyParts{
      *std::move(user_id),
      static_cast<int64_t>(ReadBigEndian(key.substr(0, 8)) ^ kSignBit),
      ReadBigEndian(key.substr(8))};
}

std::string EventIdKey(std::string_view event_id) {
  const XXH128_hash_t hash = XXH3_128bits(event_id.data(), event_id.size());
  std::string key("i");
  AppendBigEndian(hash.high64, key);
  AppendBigEndian(hash.low64, key);
  return key;
}

std::string HistoryMarkKey(std::string_view user_id) {
  return StrCat("h", user_id);
}

std::string AuditKey(uint64_t serial) {
  std::string key;
  AppendBigEndian(serial, key);
  return key;
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

}  // namespace attune::storage
