#include "engine/model_items.h"

#include <cstring>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/rank/inline_items.h"
#include "features/hash.h"

namespace attune {
namespace {

/// Names the record that a stored row was made of.
uint64_t RecordHash(const v1::Item& record) {
  return features::HashBytes(record.SerializeAsString());
}

/// Whether a stored row was made of this record; its vector follows the hash.
bool IsRowOf(std::string_view bytes, const v1::Item& record) {
  uint64_t hash = 0;
  if (bytes.size() < sizeof(hash)) return false;
  std::memcpy(&hash, bytes.data(), sizeof(hash));
  return hash == RecordHash(record);
}

std::string StoredRow(const v1::Item& record, const ModelItem& item) {
  const uint64_t hash = RecordHash(record);
  std::string bytes(sizeof(hash), '\0');
  std::memcpy(bytes.data(), &hash, sizeof(hash));
  return bytes + item.Serialize();
}

}  // namespace

ModelItems::ModelItems(storage::Database& database,
                       std::shared_ptr<const Model> model, size_t cache_bytes)
    : database_(database),
      model_(std::move(model)),
      cache_(cache_bytes, [](const Entry& entry) {
        return sizeof(Entry) + entry.item->size_bytes();
      }) {}

absl::Status ModelItems::Resolve(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    std::span<std::shared_ptr<const ModelItem>> items) {
  std::vector<std::shared_ptr<const storage::ItemRow>> rows(item_ids.size());
  ATTUNE_RETURN_IF_ERROR(database_.MultiGetItems(item_ids, rows));
  return ResolveRows(context, item_ids, rows, items);
}

absl::Status ModelItems::ResolveRows(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    std::span<const std::shared_ptr<const storage::ItemRow>> rows,
    std::span<std::shared_ptr<const ModelItem>> items) {
  const std::string& version = model_->version();
  std::vector<std::string_view> missing;
  std::vector<size_t> places;
  for (size_t i = 0; i < item_ids.size(); ++i) {
    const std::shared_ptr<const v1::Item>& record = rows[i]->item;
    if (record == nullptr) {
      items[i] = MakeUnknownItem(*model_, item_ids[i]);
      continue;
    }
    std::shared_ptr<const Entry> entry = cache_.Get(version, item_ids[i]);
    if (entry != nullptr && entry->record == record) {
      items[i] = entry->item;
      continue;
    }
    items[i] = nullptr;
    missing.push_back(item_ids[i]);
    places.push_back(i);
  }
  if (missing.empty()) return absl::OkStatus();

  auto keep = [&](size_t place, std::shared_ptr<const ModelItem> item) {
    auto entry = std::make_shared<Entry>();
    entry->record = rows[place]->item;
    entry->item = item;
    cache_.Put(version, item_ids[place], std::move(entry));
    items[place] = std::move(item);
  };
  ATTUNE_RETURN_IF_ERROR(database_.MultiGetItemVectors(
      version, missing, [&](size_t i, std::string_view bytes) {
        const size_t place = places[i];
        if (!IsRowOf(bytes, *rows[place]->item)) return;
        auto item = ModelItem::Parse(bytes.substr(sizeof(uint64_t)),
                                     model_->config().width, model_->pipeline(),
                                     model_->IdRow(missing[i]));
        // A damaged row is made again from its record.
        if (item.ok()) keep(place, *std::move(item));
      }));

  std::vector<const v1::Item*> records;
  std::vector<size_t> embedded;
  for (size_t place : places) {
    if (items[place] != nullptr) continue;
    records.push_back(rows[place]->item.get());
    embedded.push_back(place);
  }
  if (records.empty()) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(auto fresh, model_->EncodeItems(context, records));
  storage::WriteGroup group;
  for (size_t i = 0; i < embedded.size(); ++i) {
    keep(embedded[i], fresh[i]);
    if (database_.mode() == storage::OpenOptions::Mode::kWriter) {
      ATTUNE_RETURN_IF_ERROR(group.PutItemVector(
          version, records[i]->item_id(), StoredRow(*records[i], *fresh[i])));
    }
  }
  if (group.empty()) return absl::OkStatus();
  return database_.Write(std::move(group));
}

bool ModelItems::StoredVector::Holds(const v1::Item& record) const {
  return IsRowOf(bytes, record);
}

absl::StatusOr<std::vector<const v1::Item*>> ModelItems::Missing(
    std::span<const v1::Item* const> records) const {
  std::vector<std::string_view> ids;
  for (const v1::Item* record : records) ids.push_back(record->item_id());
  std::vector<bool> found(records.size(), false);
  ATTUNE_RETURN_IF_ERROR(database_.MultiGetItemVectors(
      model_->version(), ids, [&](size_t i, std::string_view bytes) {
        found[i] = IsRowOf(bytes, *records[i]);
      }));
  std::vector<const v1::Item*> missing;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!found[i]) missing.push_back(records[i]);
  }
  return missing;
}

absl::Status ModelItems::Embed(ExecutionContext& context,
                               std::span<const v1::Item* const> records,
                               std::vector<StoredVector>* vectors) const {
  ATTUNE_ASSIGN_OR_RETURN(auto rows, model_->EncodeItems(context, records));
  for (size_t i = 0; i < records.size(); ++i) {
    vectors->push_back(
        {records[i]->item_id(), StoredRow(*records[i], *rows[i])});
  }
  return absl::OkStatus();
}

absl::Status ModelItems::EmbedInto(ExecutionContext& context,
                                   std::span<const v1::Item* const> records,
                                   storage::WriteGroup* group) const {
  std::vector<StoredVector> vectors;
  ATTUNE_RETURN_IF_ERROR(Embed(context, records, &vectors));
  for (const StoredVector& vector : vectors) {
    ATTUNE_RETURN_IF_ERROR(
        group->PutItemVector(model_->version(), vector.item_id, vector.bytes));
  }
  return absl::OkStatus();
}

}  // namespace attune
