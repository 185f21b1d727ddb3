#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/database.h"
#include "storage/database_impl.h"
#include "storage/key_codec.h"
#include "storage/text_check.h"

namespace attune::storage {
namespace {

absl::Status Malformed(std::string_view what, std::string_view id) {
  return absl::DataLossError(
      StrCat("malformed record of ", what, " ", QuoteId(id)));
}

template <typename Message>
bool Parse(std::string_view bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

absl::StatusOr<std::optional<v1::Item>> Database::GetItem(
    std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("item id", item_id));
  std::string value;
  const absl::Status status = impl_->rows.Get(Family::kItems, item_id, value);
  if (absl::IsNotFound(status)) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(status);
  v1::Item item;
  if (!Parse(value, item)) return Malformed("item", item_id);
  return item;
}

absl::StatusOr<std::optional<v1::User>> Database::GetUser(
    std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  std::string value;
  const absl::Status status = impl_->rows.Get(Family::kUsers, user_id, value);
  if (absl::IsNotFound(status)) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(status);
  v1::User user;
  if (!Parse(value, user)) return Malformed("user", user_id);
  return user;
}

absl::StatusOr<v1::History> Database::GetHistory(std::string_view user_id) {
  v1::History history;
  ATTUNE_RETURN_IF_ERROR(ReadHistory(user_id, &history));
  return history;
}

absl::Status Database::ReadHistory(std::string_view user_id,
                                   v1::History* history) {
  history->Clear();
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  std::string value;
  const absl::Status status =
      impl_->rows.Get(Family::kHistories, user_id, value);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(status);
  if (Parse(value, *history)) return absl::OkStatus();
  history->Clear();
  return Malformed("history of user", user_id);
}

absl::StatusOr<std::vector<v1::Counters>> Database::GetCounters(
    std::span<const std::string_view> item_ids) {
  std::vector<v1::Counters> counters(item_ids.size());
  ATTUNE_RETURN_IF_ERROR(impl_->rows.MultiGet(
      Family::kCounters, item_ids, [&](size_t i, std::string_view value) {
        return Parse(value, counters[i])
                   ? absl::OkStatus()
                   : Malformed("counters of item", item_ids[i]);
      }));
  return counters;
}

absl::Status Database::MultiGetItems(
    std::span<const std::string_view> item_ids,
    std::span<std::shared_ptr<const ItemRow>> rows) {
  if (rows.size() != item_ids.size()) {
    return absl::InvalidArgumentError(StrCat("MultiGetItems: ", item_ids.size(),
                                             " ids, room for ", rows.size(),
                                             " rows"));
  }
  struct Miss {
    size_t place;
    uint64_t version;
    bool record_known;
  };
  std::vector<Miss> misses;  // allocates with the first miss only
  for (size_t i = 0; i < item_ids.size(); ++i) {
    const RowCache::Lookup lookup = impl_->row_cache.Get(item_ids[i], rows[i]);
    if (lookup.found != RowCache::Found::kRow) {
      misses.push_back(
          {i, lookup.version, lookup.found == RowCache::Found::kRecord});
    }
  }
  if (misses.empty()) return absl::OkStatus();

  std::vector<std::shared_ptr<ItemRow>> read(misses.size());
  std::vector<std::string_view> record_ids, counter_ids;
  std::vector<size_t> record_places;
  for (size_t i = 0; i < misses.size(); ++i) {
    read[i] = std::make_shared<ItemRow>();
    const std::string_view id = item_ids[misses[i].place];
    counter_ids.push_back(id);
    if (misses[i].record_known) {
      read[i]->item = rows[misses[i].place]->item;
    } else {
      record_ids.push_back(id);
      record_places.push_back(i);
    }
  }
  ATTUNE_RETURN_IF_ERROR(impl_->rows.MultiGet(
      Family::kItems, record_ids, [&](size_t i, std::string_view value) {
        auto item = std::make_shared<v1::Item>();
        if (!Parse(value, *item)) return Malformed("item", record_ids[i]);
        read[record_places[i]]->item = std::move(item);
        return absl::OkStatus();
      }));
  ATTUNE_RETURN_IF_ERROR(impl_->rows.MultiGet(
      Family::kCounters, counter_ids, [&](size_t i, std::string_view value) {
        return Parse(value, read[i]->counters)
                   ? absl::OkStatus()
                   : Malformed("counters of item", counter_ids[i]);
      }));
  for (size_t i = 0; i < misses.size(); ++i) {
    const size_t place = misses[i].place;
    rows[place] = std::move(read[i]);
    impl_->row_cache.Insert(item_ids[place], rows[place], misses[i].version);
  }
  return absl::OkStatus();
}

absl::Status Database::MultiGetItemVectors(
    std::string_view model_version, std::span<const std::string_view> item_ids,
    absl::FunctionRef<void(size_t, std::string_view)> found) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  std::vector<std::string> keys;
  keys.reserve(item_ids.size());
  const std::string prefix = ModelPrefix(model_version);
  for (const std::string_view id : item_ids) {
    keys.push_back(StrCat(prefix, id));
  }
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  return impl_->rows.MultiGet(Family::kItemVectors, views,
                              [&](size_t i, std::string_view value) {
                                found(i, value);
                                return absl::OkStatus();
                              });
}

absl::Status Database::MultiGetRecords(
    std::span<const std::string_view> item_ids,
    absl::FunctionRef<void(size_t, v1::Item)> found) {
  return impl_->rows.MultiGet(Family::kItems, item_ids,
                              [&](size_t i, std::string_view value) {
                                v1::Item item;
                                if (!Parse(value, item)) {
                                  return Malformed("item", item_ids[i]);
                                }
                                found(i, std::move(item));
                                return absl::OkStatus();
                              });
}

absl::Status Database::MultiGetCounters(
    std::span<const std::string_view> item_ids,
    absl::FunctionRef<void(size_t, const v1::Counters&)> found) {
  v1::Counters counters;
  return impl_->rows.MultiGet(
      Family::kCounters, item_ids, [&](size_t i, std::string_view value) {
        if (!Parse(value, counters)) {
          return Malformed("counters of item", item_ids[i]);
        }
        found(i, counters);
        return absl::OkStatus();
      });
}

absl::StatusOr<std::optional<std::string>> Database::GetState(
    std::string_view model_version, std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  ATTUNE_RETURN_IF_ERROR(CheckId("user id", user_id));
  std::string value;
  const absl::Status status =
      impl_->rows.Get(Family::kStates, ModelKey(model_version, user_id), value);
  if (absl::IsNotFound(status)) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(status);
  return value;
}

absl::StatusOr<std::optional<std::string>> Database::GetMeta(
    std::string_view key) {
  ATTUNE_RETURN_IF_ERROR(CheckId("meta key", key));
  std::string value;
  const absl::Status status =
      impl_->rows.Get(Family::kMeta, MetaKey(key), value);
  if (absl::IsNotFound(status)) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(status);
  return value;
}

absl::StatusOr<std::optional<v1::JournalEntry>> Database::ReadJournal(
    std::string_view kind, std::string_view content_hash) {
  ATTUNE_RETURN_IF_ERROR(CheckJournalKey(kind, content_hash));
  std::string value;
  const absl::Status status =
      impl_->rows.Get(Family::kMeta, JournalKey(kind, content_hash), value);
  if (absl::IsNotFound(status)) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(status);
  v1::JournalEntry entry;
  if (!Parse(value, entry)) return Malformed("journal", content_hash);
  return entry;
}

absl::StatusOr<std::vector<bool>> Database::SeenEventIds(
    std::span<const std::string> event_ids) {
  std::vector<bool> seen(event_ids.size(), false);
  std::vector<std::string> keys;
  std::vector<size_t> places;
  for (size_t i = 0; i < event_ids.size(); ++i) {
    if (event_ids[i].empty()) continue;
    keys.push_back(EventIdKey(event_ids[i]));
    places.push_back(i);
  }
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  ATTUNE_RETURN_IF_ERROR(impl_->rows.MultiGet(
      Family::kEvents, views, [&](size_t i, std::string_view /*value*/) {
        seen[places[i]] = true;
        return absl::OkStatus();
      }));
  return seen;
}

}  // namespace attune::storage
