#include "engine/catalogue_embedder.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/status_macros.h"

namespace attune {
namespace {

/// Items per step. Products run in blocks of at least 32 rows; a step of a
/// limited publication is the shortest one that fills a block, so that a
/// request on the same core is held up for about two milliseconds.
constexpr size_t kPacedStep = 32;
constexpr size_t kStep = 256;

/// Records of `ids` as they are now, past the cache: a catalogue would push out
/// the rows that requests use.
absl::StatusOr<std::vector<v1::Item>> ReadRecords(
    storage::Database& database, std::span<const std::string> ids) {
  std::vector<v1::Item> records;
  for (const std::string& id : ids) {
    ATTUNE_ASSIGN_OR_RETURN(std::optional<v1::Item> record,
                            database.GetItem(id));
    if (record.has_value()) records.push_back(*std::move(record));
  }
  return records;
}

std::vector<const v1::Item*> Pointers(const std::vector<v1::Item>& records) {
  std::vector<const v1::Item*> pointers;
  for (const v1::Item& record : records) pointers.push_back(&record);
  return pointers;
}

}  // namespace

absl::Status EmbedCatalogue(storage::Database& database, ServedModel& served,
                            const EmbedOptions& options) {
  std::vector<std::string> ids;
  ATTUNE_RETURN_IF_ERROR(
      database.ForEachItem([&](const v1::Item& item) -> absl::Status {
        ids.push_back(item.item_id());
        return absl::OkStatus();
      }));
  const size_t step = options.items_per_second > 0 ? kPacedStep : kStep;
  Pace pace(options.items_per_second);
  ExecutionContext context;
  for (size_t begin = 0; begin < ids.size(); begin += step) {
    const size_t count = std::min(step, ids.size() - begin);
    ATTUNE_ASSIGN_OR_RETURN(
        const std::vector<v1::Item> records,
        ReadRecords(database, std::span(ids).subspan(begin, count)));
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<const v1::Item*> missing,
                            served.items().Missing(Pointers(records)));
    const auto now = std::chrono::steady_clock::now();
    ATTUNE_RETURN_IF_ERROR(options.gate->WaitUntil(
        options.ticket, pace.Begin(now, static_cast<int64_t>(missing.size()))));
    if (missing.empty()) continue;
    std::vector<ModelItems::StoredVector> vectors;
    absl::Status status;
    RunSerial([&] {
      context.workspace.Reset();
      status = served.items().Embed(context, missing, &vectors);
    });
    ATTUNE_RETURN_IF_ERROR(status);

    std::lock_guard<std::mutex> lock(*options.write_mutex);
    storage::WriteGroup group;
    for (const ModelItems::StoredVector& vector : vectors) {
      // Left out where a writer has replaced the record meanwhile, and with it
      // embedded the newer one, or deleted it.
      ATTUNE_RETURN_IF_ERROR(group.PutItemVectorOf(
          vector.record, served.version(), vector.item_id, vector.bytes));
    }
    if (group.empty()) continue;
    ATTUNE_RETURN_IF_ERROR(database.Write(std::move(group)));
  }
  return options.gate->WaitUntil(options.ticket,
                                 std::chrono::steady_clock::time_point::min());
}

}  // namespace attune
