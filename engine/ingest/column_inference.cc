#include "engine/ingest/column_inference.h"

#include <memory>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "engine/ingest/record_parser.h"
#include "engine/io/record_reader.h"

namespace attune {
namespace {

constexpr int64_t kRowsForKeys = 1000;

// Reads up to `rows` good or bad rows; a file that breaks off ends early.
template <typename Function>
absl::Status ForEachRow(RecordReader& reader, int64_t rows, Function use) {
  Record record;
  for (int64_t row = 0; row < rows; ++row) {
    const absl::StatusOr<bool> has_row = reader.Next(&record);
    if (absl::IsInvalidArgument(has_row.status())) continue;
    if (!has_row.ok() || !*has_row) break;
    use(record);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FileColumns(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<RecordReader> reader,
                          RecordReader::Open(path));
  ATTUNE_RETURN_IF_ERROR(
      ForEachRow(*reader, kRowsForKeys, [](const Record&) {}));
  return reader->columns();
}

absl::Status ObserveFile(const std::string& path, features::Entity entity,
                         const ColumnMap& map, const features::Schema& schema,
                         int64_t rows, features::SchemaInferrer* inferrer) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<RecordReader> reader,
                          RecordReader::Open(path, map));
  RecordParser parser(&schema);
  v1::Item item;
  v1::User user;
  v1::Event event;
  return ForEachRow(*reader, rows, [&](const Record& record) {
    switch (entity) {
      case features::Entity::kItem:
        if (parser.ParseItem(record, &item).ok()) inferrer->ObserveItem(item);
        break;
      case features::Entity::kUser:
        if (parser.ParseUser(record, &user).ok()) inferrer->ObserveUser(user);
        break;
      case features::Entity::kEvent:
        if (parser.ParseEvent(record, &event).ok()) {
          inferrer->ObserveEvent(event);
        }
        break;
    }
  });
}

}  // namespace attune
