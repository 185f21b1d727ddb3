#include "engine/model_items.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "engine/ingest/record_checks.h"
#include "engine/rank/inline_items.h"
#include "storage/record_hash.h"

namespace attune {

ModelItems::ModelItems(storage::Database& database,
                       std::shared_ptr<const Model> model, size_t cache_bytes)
    : database_(database), model_(std::move(model)), cache_(cache_bytes) {
  database_.AddObserver(this);
}

ModelItems::~ModelItems() { database_.RemoveObserver(this); }

absl::Status ModelItems::Resolve(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    std::span<std::shared_ptr<const ModelItem>> items) {
  Workspace::Scope scope(context.workspace);
  const std::span<const ItemCache::Miss> misses =
      cache_.Get(item_ids, context.workspace, items, {});
  if (misses.empty()) return absl::OkStatus();
  return Read(context, item_ids, misses, items, {});
}

absl::Status ModelItems::ResolveCounted(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    const ItemCache::Pin& pin,
    std::span<std::shared_ptr<const ModelItem>> items,
    std::span<features::ItemCounters> counters) {
  Workspace::Scope scope(context.workspace);
  const std::span<const ItemCache::Miss> misses =
      cache_.Get(item_ids, context.workspace, items, counters, &pin);
  if (misses.empty()) return absl::OkStatus();
  return Read(context, item_ids, misses, items, counters);
}

absl::Status ModelItems::Read(ExecutionContext& context,
                              std::span<const std::string_view> item_ids,
                              std::span<const ItemCache::Miss> misses,
                              std::span<std::shared_ptr<const ModelItem>> items,
                              std::span<features::ItemCounters> counters) {
  std::vector<std::string_view> missing_ids, all_ids;
  std::vector<uint32_t> missing_places;
  for (const ItemCache::Miss& miss : misses) {
    all_ids.push_back(item_ids[miss.place]);
    if (miss.has_item) continue;
    missing_ids.push_back(all_ids.back());
    missing_places.push_back(miss.place);
  }
  std::vector<std::shared_ptr<const ModelItem>> read(missing_ids.size());
  ATTUNE_RETURN_IF_ERROR(ReadItems(context, missing_ids, read));
  for (size_t i = 0; i < read.size(); ++i) {
    items[missing_places[i]] = std::move(read[i]);
  }
  if (!counters.empty()) {
    for (const ItemCache::Miss& miss : misses) counters[miss.place] = {};
    ATTUNE_RETURN_IF_ERROR(database_.MultiGetCounters(
        all_ids, [&](size_t i, const v1::Counters& counted) {
          counters[misses[i].place] =
              model_->pipeline().CompactCounters(counted);
        }));
  }
  for (const ItemCache::Miss& miss : misses) {
    if (miss.has_item) {
      cache_.PutCounters(item_ids[miss.place], items[miss.place].get(),
                         counters[miss.place], miss.version);
      continue;
    }
    cache_.Put(item_ids[miss.place], items[miss.place],
               counters.empty() ? nullptr : &counters[miss.place],
               miss.version);
  }
  return absl::OkStatus();
}

absl::Status ModelItems::ReadCounters(
    std::span<const std::string_view> item_ids,
    std::span<features::ItemCounters> counters) const {
  std::fill(counters.begin(), counters.end(), features::ItemCounters());
  return database_.MultiGetCounters(
      item_ids, [&](size_t i, const v1::Counters& counted) {
        counters[i] = model_->pipeline().CompactCounters(counted);
      });
}

absl::Status ModelItems::ReadStored(
    std::span<const std::string_view> item_ids,
    std::span<std::shared_ptr<const ModelItem>> items) {
  features::ItemFeatures scratch;
  return database_.MultiGetItemVectors(
      model_->version(), item_ids, [&](size_t i, std::string_view bytes) {
        auto item =
            ModelItem::Parse(bytes, model_->config().width, model_->pipeline(),
                             model_->IdRow(item_ids[i]), &scratch);
        // A damaged row is made again from its record.
        if (item.ok()) items[i] = *std::move(item);
      });
}

absl::StatusOr<bool> ModelItems::Fill(
    ExecutionContext& context, std::span<const std::string_view> item_ids) {
  if (!cache_.HasRoom()) return false;
  Workspace::Scope scope(context.workspace);
  const std::span<const ItemCache::Miss> absent =
      cache_.Absent(item_ids, context.workspace);
  std::vector<std::string_view> ids;
  for (const ItemCache::Miss& miss : absent) {
    ids.push_back(item_ids[miss.place]);
  }
  std::vector<std::shared_ptr<const ModelItem>> items(ids.size());
  std::vector<features::ItemCounters> counters(ids.size());
  ATTUNE_RETURN_IF_ERROR(ReadStored(ids, items));
  ATTUNE_RETURN_IF_ERROR(ReadCounters(ids, counters));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (items[i] == nullptr) continue;
    cache_.Put(ids[i], std::move(items[i]), &counters[i], absent[i].version);
  }
  return true;
}

absl::Status ModelItems::ReadItems(
    ExecutionContext& context, std::span<const std::string_view> item_ids,
    std::span<std::shared_ptr<const ModelItem>> items) {
  const std::string& version = model_->version();
  ATTUNE_RETURN_IF_ERROR(ReadStored(item_ids, items));
  std::vector<std::string_view> missing;
  std::vector<size_t> places;
  for (size_t i = 0; i < item_ids.size(); ++i) {
    if (items[i] != nullptr) continue;
    missing.push_back(item_ids[i]);
    places.push_back(i);
  }
  if (missing.empty()) return absl::OkStatus();

  std::vector<v1::Item> records;
  std::vector<size_t> embedded;
  ATTUNE_RETURN_IF_ERROR(
      database_.MultiGetRecords(missing, [&](size_t i, v1::Item record) {
        records.push_back(std::move(record));
        embedded.push_back(places[i]);
      }));
  std::vector<const v1::Item*> pointers;
  for (const v1::Item& record : records) pointers.push_back(&record);
  ATTUNE_ASSIGN_OR_RETURN(auto fresh, model_->EncodeItems(context, pointers));
  storage::WriteGroup group;
  for (size_t i = 0; i < records.size(); ++i) {
    items[embedded[i]] = fresh[i];
    if (database_.mode() == storage::OpenOptions::Mode::kWriter) {
      ATTUNE_RETURN_IF_ERROR(
          group.PutItemVectorOf(storage::RecordHash(records[i]), version,
                                records[i].item_id(), fresh[i]->Serialize()));
    }
  }
  for (const size_t place : places) {
    if (items[place] == nullptr) {
      items[place] = MakeUnknownItem(*model_, item_ids[place]);
    }
  }
  if (group.empty()) return absl::OkStatus();
  return database_.Write(std::move(group));
}

absl::StatusOr<std::vector<const v1::Item*>> ModelItems::Missing(
    std::span<const v1::Item* const> records) const {
  std::vector<std::string_view> ids;
  for (const v1::Item* record : records) ids.push_back(record->item_id());
  std::vector<bool> found(records.size(), false);
  ATTUNE_RETURN_IF_ERROR(database_.MultiGetItemVectors(
      model_->version(), ids,
      [&](size_t i, std::string_view /*bytes*/) { found[i] = true; }));
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
    vectors->push_back({records[i]->item_id(), rows[i]->Serialize(),
                        storage::RecordHash(*records[i])});
  }
  return absl::OkStatus();
}

absl::Status ModelItems::EmbedInto(ExecutionContext& context,
                                   std::span<const v1::Item* const> records,
                                   storage::WriteGroup* group) const {
  // In their stored form, which is what a later reading would embed.
  std::vector<v1::Item> stored;
  std::vector<const v1::Item*> pointers;
  for (const v1::Item* record : records) {
    stored.push_back(*record);
    ATTUNE_RETURN_IF_ERROR(CheckItem(&stored.back()));
  }
  for (const v1::Item& record : stored) pointers.push_back(&record);
  std::vector<StoredVector> vectors;
  ATTUNE_RETURN_IF_ERROR(Embed(context, pointers, &vectors));
  for (const StoredVector& vector : vectors) {
    ATTUNE_RETURN_IF_ERROR(group->PutItemVectorOf(
        vector.record, model_->version(), vector.item_id, vector.bytes));
  }
  return absl::OkStatus();
}

}  // namespace attune
