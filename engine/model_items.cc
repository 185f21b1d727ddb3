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
        uint64_t hash = 0;
        if (bytes.size() < sizeof(hash)) return;
        std::memcpy(&hash, bytes.data(), sizeof(hash));
        if (hash != RecordHash(*rows[place]->item)) return;
        auto item =
            ModelItem::Parse(bytes.substr(sizeof(hash)), model_->config().width,
                             model_->pipeline(), model_->IdRow(missing[i]));
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

absl::Status ModelItems::EmbedInto(ExecutionContext& context,
                                   std::span<const v1::Item* const> records,
                                   storage::WriteGroup* group) const {
  ATTUNE_ASSIGN_OR_RETURN(auto rows, model_->EncodeItems(context, records));
  for (size_t i = 0; i < records.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(
        group->PutItemVector(model_->version(), records[i]->item_id(),
                             StoredRow(*records[i], *rows[i])));
  }
  return absl::OkStatus();
}

}  // namespace attune
