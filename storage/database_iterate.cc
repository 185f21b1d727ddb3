#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/database.h"
#include "storage/database_impl.h"
#include "storage/key_codec.h"
#include "storage/text_check.h"

namespace attune::storage {
namespace {

template <typename Message>
absl::Status ParseRow(Family family, std::string_view key,
                      std::string_view value, Message& message) {
  if (message.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return absl::OkStatus();
  }
  return absl::DataLossError(StrCat("malformed row in ",
                                    kFamilyNames[Index(family)], ", key ",
                                    QuoteId(key)));
}

absl::Status ReadEvent(std::string_view key, std::string_view value,
                       v1::Event& event) {
  std::optional<EventKeyParts> parts = DecodeEventKey(key);
  if (!parts.has_value()) {
    return absl::DataLossError(
        StrCat("malformed key in events: ", QuoteId(key)));
  }
  ATTUNE_RETURN_IF_ERROR(ParseRow(Family::kEvents, key, value, event));
  event.set_user_id(std::move(parts->user_id));
  return absl::OkStatus();
}

}  // namespace

absl::Status Database::ForEachItem(
    absl::FunctionRef<absl::Status(const v1::Item&)> fn) {
  v1::Item item;
  return impl_->rows.Scan(
      Family::kItems, "", "",
      [&](std::string_view key, std::string_view value) {
        ATTUNE_RETURN_IF_ERROR(ParseRow(Family::kItems, key, value, item));
        return fn(item);
      });
}

absl::Status Database::ForEachUser(
    absl::FunctionRef<absl::Status(const v1::User&)> fn) {
  v1::User user;
  return impl_->rows.Scan(
      Family::kUsers, "", "",
      [&](std::string_view key, std::string_view value) {
        ATTUNE_RETURN_IF_ERROR(ParseRow(Family::kUsers, key, value, user));
        return fn(user);
      });
}

absl::Status Database::ForEachHistory(
    absl::FunctionRef<absl::Status(std::string_view user_id,
                                   const v1::History&)>
        fn) {
  v1::History history;
  return impl_->rows.Scan(Family::kHistories, "", "",
                          [&](std::string_view key, std::string_view value) {
                            ATTUNE_RETURN_IF_ERROR(ParseRow(
                                Family::kHistories, key, value, history));
                            return fn(key, history);
                          });
}

absl::Status Database::ForEachCounters(
    absl::FunctionRef<absl::Status(std::string_view item_id,
                                   const v1::Counters&)>
        fn) {
  v1::Counters counters;
  return impl_->rows.Scan(Family::kCounters, "", "",
                          [&](std::string_view key, std::string_view value) {
                            ATTUNE_RETURN_IF_ERROR(ParseRow(
                                Family::kCounters, key, value, counters));
                            return fn(key, counters);
                          });
}

absl::Status Database::ForEachEvent(
    absl::FunctionRef<absl::Status(const v1::Event&)> fn) {
  v1::Event event;
  return impl_->rows.Scan(
      Family::kEvents, kAllEventsPrefix, PrefixEnd(kAllEventsPrefix),
      [&](std::string_view key, std::string_view value) {
        ATTUNE_RETURN_IF_ERROR(ReadEvent(key, value, event));
        return fn(event);
      });
}

absl::Status Database::ForEachUserEvent(
    std::string_view user_id,
    absl::FunctionRef<absl::Status(const v1::Event&)> fn) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  v1::Event event;
  const std::string prefix = EventPrefix(user_id);
  return impl_->rows.Scan(
      Family::kEvents, prefix, PrefixEnd(prefix),
      [&](std::string_view key, std::string_view value) {
        ATTUNE_RETURN_IF_ERROR(ReadEvent(key, value, event));
        return fn(event);
      });
}

absl::Status Database::ForEachItemVector(
    std::string_view model_version,
    absl::FunctionRef<absl::Status(std::string_view item_id,
                                   std::string_view bytes)>
        fn) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  const std::string prefix = ModelPrefix(model_version);
  return impl_->rows.Scan(Family::kItemVectors, prefix, PrefixEnd(prefix),
                          [&](std::string_view key, std::string_view value) {
                            return fn(key.substr(prefix.size()), value);
                          });
}

absl::Status Database::ForEachAudit(
    absl::FunctionRef<absl::Status(std::string_view bytes)> fn) {
  return impl_->rows.Scan(Family::kAudit, "", "",
                          [&](std::string_view /*key*/,
                              std::string_view value) { return fn(value); });
}

}  // namespace attune::storage
