#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ingest/record_parser.h"
#include "proto/attune.pb.h"
#include "proto/records.pb.h"
#include "python/src/row_scratch.h"

namespace attune::python {

// Rows of Python into records, by the parser that reads files for `attune
// ingest`: the same names, the same types, the same messages. Places are
// "items:3", rows counted from 1.

/// A dict as a record; `name` and `row` make the place. The schema of the
/// parser decides types and which columns are results. Raise InvalidArgument.
void ParseItemDict(nanobind::handle dict, std::string_view name, int64_t row,
                   const features::Schema& schema, v1::Item* item);
/// Features of a request's own user, who has no id.
void ParseUserDict(nanobind::handle dict, std::string_view name, int64_t row,
                   const features::Schema& schema, v1::User* user);

/// What is known of a request's moment; columns that the schema does not
/// declare as context are left for the engine to refuse.
void ParseContextDict(nanobind::handle dict, std::string_view name,
                      const features::Schema& schema,
                      google::protobuf::RepeatedPtrField<v1::Feature>* context);

/// {"item_id", "action", "timestamp" | "time_ms" | "order"}, as an event of
/// `user_id` without that column. Returns false where the schema says that it
/// does not enter a history.
bool ParseHistoryDict(nanobind::handle dict, std::string_view name, int64_t row,
                      const features::Schema& schema, v1::HistoryEvent* event);

/// Put…Request messages, in pieces that the C interface takes.
struct PutPieces {
  std::vector<std::string> requests;
  int64_t rows = 0;
};
enum class RecordKind { kItems, kUsers, kEvents };

/// Of an iterable of dicts, or of anything with __arrow_c_stream__. Raises
/// before anything could have been written.
PutPieces ReadPieces(RecordKind kind, nanobind::handle rows,
                     const features::Schema& schema);

/// The items of such rows, for those who do not put them.
std::vector<v1::Item> ReadItems(nanobind::handle rows,
                                const features::Schema& schema);

}  // namespace attune::python
