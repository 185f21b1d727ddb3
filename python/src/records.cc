#include "python/src/records.h"

#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/field_values.h"
#include "engine/io/line_source.h"
#include "python/src/arrow_stream.h"
#include "python/src/dict_row.h"
#include "python/src/errors.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

/// Of one message; the C interface takes 64 MiB.
constexpr size_t kPieceBytes = size_t{16} << 20;

std::string Place(std::string_view name, int64_t row) {
  return StrCat(name, ":", row);
}

/// The parser's messages name the program's option where a column is missing.
absl::Status WithoutOptions(const absl::Status& status) {
  if (status.ok()) return status;
  std::string_view text = ToStd(status.message());
  return absl::Status(status.code(), StrCat(text.substr(0, text.find(" (--"))));
}

/// The parser wants an id where a request's own user has none; it is not sent.
void AddInlineUser(RowScratch* scratch) {
  RecordField& user = scratch->record.fields.emplace_back();
  user.name = "user_id";
  user.kind = RecordField::Kind::kText;
  user.text = "inline";
}

/// Collects one kind of record. The three differ in names only.
template <typename Request>
class Pieces {
 public:
  explicit Pieces(const features::Schema& schema) : parser_(&schema) {}

  absl::Status Add(const Record& record) {
    auto* added = NextRecord();
    ATTUNE_RETURN_IF_ERROR(WithoutOptions(Parse(record, added)));
    ++pieces_.rows;
    bytes_ += added->ByteSizeLong();
    if (bytes_ >= kPieceBytes) Finish();
    return absl::OkStatus();
  }
  PutPieces Take() {
    if (bytes_ > 0) Finish();
    return std::move(pieces_);
  }

 private:
  auto* NextRecord() {
    if constexpr (std::is_same_v<Request, v1::PutItemsRequest>) {
      return request_.add_items();
    } else if constexpr (std::is_same_v<Request, v1::PutUsersRequest>) {
      return request_.add_users();
    } else {
      return request_.add_events();
    }
  }
  absl::Status Parse(const Record& record, v1::Item* item) {
    return parser_.ParseItem(record, item);
  }
  absl::Status Parse(const Record& record, v1::User* user) {
    return parser_.ParseUser(record, user);
  }
  absl::Status Parse(const Record& record, v1::Event* event) {
    return parser_.ParseEvent(record, event);
  }
  void Finish() {
    pieces_.requests.push_back(request_.SerializeAsString());
    request_.Clear();
    bytes_ = 0;
  }

  RecordParser parser_;
  Request request_;
  size_t bytes_ = 0;
  PutPieces pieces_;
};

/// Every row of dicts or of an Arrow stream.
void ForEachRow(nb::handle rows, std::string_view name,
                absl::FunctionRef<absl::Status(const Record&)> add) {
  if (nb::hasattr(rows, "__arrow_c_stream__")) {
    ForEachArrowRow(rows, name, add);
    return;
  }
  RowScratch scratch;
  int64_t row = 0;
  for (const nb::handle dict : rows) {
    const nb::object keep = ReadDictRow(dict, Place(name, ++row), &scratch);
    scratch.record.path = name;
    scratch.record.line = row;
    RaiseIfError(add(scratch.record));
  }
}

template <typename Request>
PutPieces Read(nb::handle rows, std::string_view name,
               const features::Schema& schema) {
  Pieces<Request> pieces(schema);
  ForEachRow(rows, name,
             [&](const Record& record) { return pieces.Add(record); });
  return pieces.Take();
}

}  // namespace

void ParseItemDict(nb::handle dict, std::string_view name, int64_t row,
                   const features::Schema& schema, v1::Item* item) {
  RowScratch scratch;
  const nb::object keep = ReadDictRow(dict, Place(name, row), &scratch);
  scratch.record.path = name;
  scratch.record.line = row;
  RaiseIfError(
      WithoutOptions(RecordParser(&schema).ParseItem(scratch.record, item)));
}

void ParseUserDict(nb::handle dict, std::string_view name, int64_t row,
                   const features::Schema& schema, v1::User* user) {
  RowScratch scratch;
  const nb::object keep = ReadDictRow(dict, Place(name, row), &scratch);
  scratch.record.path = name;
  scratch.record.line = row;
  AddInlineUser(&scratch);
  RaiseIfError(
      WithoutOptions(RecordParser(&schema).ParseUser(scratch.record, user)));
  user->clear_user_id();
}

void ParseContextDict(
    nb::handle dict, std::string_view name, const features::Schema& schema,
    google::protobuf::RepeatedPtrField<v1::Feature>* context) {
  RowScratch scratch;
  const nb::object keep = ReadDictRow(dict, name, &scratch);
  for (const RecordField& field : scratch.record.fields) {
    if (field.missing()) continue;
    v1::Feature& feature = *context->Add();
    feature.set_name(std::string(field.name));
    const features::Column* column =
        schema.Find(features::Entity::kEvent, field.name);
    const absl::Status read =
        column != nullptr && column->context
            ? SetFieldValue(field, column->type, feature.mutable_value())
            : SetNaturalValue(field, feature.mutable_value());
    if (read.ok()) continue;
    RaiseIfError(absl::InvalidArgumentError(
        StrCat(name, ": field \"", field.name, "\": ", ToStd(read.message()))));
  }
}

bool ParseHistoryDict(nb::handle dict, std::string_view name, int64_t row,
                      const features::Schema& schema, v1::HistoryEvent* event) {
  RowScratch scratch;
  const nb::object keep = ReadDictRow(dict, Place(name, row), &scratch);
  scratch.record.path = name;
  scratch.record.line = row;
  AddInlineUser(&scratch);
  v1::Event whole;
  RaiseIfError(
      WithoutOptions(RecordParser(&schema).ParseEvent(scratch.record, &whole)));
  if (!whole.has_time_ms() && !whole.has_order()) whole.set_order(row);
  std::optional<v1::HistoryEvent> entry = schema.HistoryEntryFor(whole);
  if (!entry.has_value()) return false;
  *event = *std::move(entry);
  return true;
}

PutPieces ReadPieces(RecordKind kind, nb::handle rows,
                     const features::Schema& schema) {
  switch (kind) {
    case RecordKind::kItems:
      return Read<v1::PutItemsRequest>(rows, "items", schema);
    case RecordKind::kUsers:
      return Read<v1::PutUsersRequest>(rows, "users", schema);
    case RecordKind::kEvents:
      return Read<v1::PutEventsRequest>(rows, "events", schema);
  }
  return {};
}

std::vector<v1::Item> ReadItems(nb::handle rows,
                                const features::Schema& schema) {
  RecordParser parser(&schema);
  std::vector<v1::Item> items;
  ForEachRow(rows, "items", [&](const Record& record) {
    return WithoutOptions(parser.ParseItem(record, &items.emplace_back()));
  });
  return items;
}

}  // namespace attune::python
