#include "tools/attune/bench_requests.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "engine/io/excerpt.h"
#include "engine/io/id_field.h"
#include "engine/io/nearest_name.h"
#include "engine/io/record_reader.h"
#include "tools/attune/context_option.h"
#include "tools/attune/id_lists.h"
#include "tools/attune/open_engine.h"

namespace attune {
namespace {

absl::Status TakeField(const RecordField& field, const features::Schema& schema,
                       v1::RankRequest* request) {
  constexpr std::string_view kNames[] = {"user_id", "candidates"};
  if (field.name == kNames[0]) {
    if (field.missing()) return absl::OkStatus();  // the row has no user
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view id, IdOf(field));
    request->set_user_id(std::string(id));
    return absl::OkStatus();
  }
  if (field.name == kNames[1]) {
    if (field.missing()) return absl::OkStatus();  // the catalogue
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string_view> ids,
                            IdListOf(field));
    if (ids.empty()) {
      return absl::InvalidArgumentError(
          "holds no items; without the field, the catalogue is ranked");
    }
    for (std::string_view id : ids) {
      request->add_candidate_ids(std::string(id));
    }
    return absl::OkStatus();
  }
  if (schema.IsContext(field.name)) {
    return AddContextField(schema, field, request->mutable_context());
  }
  const std::string context = schema.ContextNames();
  return absl::InvalidArgumentError(
      StrCat("unknown; user_id and candidates are expected",
             context == "none" ? "" : StrCat(", and as context ", context),
             DidYouMean(field.name, kNames)));
}

absl::StatusOr<std::vector<v1::RankRequest>> ReadRequests(
    const BenchRequestOptions& options) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<RecordReader> reader,
                          RecordReader::Open(options.file));
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(options.database));
  ATTUNE_ASSIGN_OR_RETURN(const features::Schema schema, LoadSchema(*database));
  std::vector<v1::RankRequest> requests;
  Record record;
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const bool has_row, reader->Next(&record));
    if (!has_row) break;
    v1::RankRequest& request = requests.emplace_back();
    request.set_k(options.k);
    for (const RecordField& field : record.fields) {
      const absl::Status taken = TakeField(field, schema, &request);
      if (!taken.ok()) {
        return RowError(record.path, record.line,
                        StrCat("field ", Excerpt(field.name), ": ",
                               ToStd(taken.message())));
      }
    }
  }
  if (requests.empty()) {
    return absl::InvalidArgumentError(
        StrCat(options.file, ": holds no request"));
  }
  return requests;
}

absl::StatusOr<std::vector<v1::RankRequest>> DrawRequests(
    const BenchRequestOptions& options) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(options.database));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> users,
                          AllUsers(*database));
  std::vector<std::string> items;
  ATTUNE_RETURN_IF_ERROR(database->ForEachItem([&](const v1::Item& item) {
    items.push_back(item.item_id());
    return absl::OkStatus();
  }));
  if (users.empty() || items.empty()) {
    return absl::FailedPreconditionError(
        StrCat(options.database, ": holds ", users.size(), " users and ",
               items.size(), " items; both are needed"));
  }
  Rng rng(options.seed);
  std::vector<v1::RankRequest> requests;
  for (int i = 0; i < options.count; ++i) {
    v1::RankRequest& request = requests.emplace_back();
    request.set_user_id(users[rng.Below(users.size())]);
    request.set_k(options.k);
    // A partial shuffle: distinct items, each equally likely.
    const size_t wanted =
        std::min(items.size(), static_cast<size_t>(options.candidates));
    for (size_t c = 0; c < wanted; ++c) {
      std::swap(items[c], items[c + rng.Below(items.size() - c)]);
      request.add_candidate_ids(items[c]);
    }
  }
  return requests;
}

}  // namespace

absl::StatusOr<std::vector<v1::RankRequest>> BenchRequests(
    const BenchRequestOptions& options) {
  return options.file.empty() ? DrawRequests(options) : ReadRequests(options);
}

}  // namespace attune
