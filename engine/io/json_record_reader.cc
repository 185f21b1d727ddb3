#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "absl/container/node_hash_map.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/number_text.h"
#include "engine/io/record_formats.h"

namespace attune {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(LineSource::kPaddingBytes >= simdjson::SIMDJSON_PADDING);

constexpr size_t kMaxFields = 4096;

std::string_view StripBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

class JsonRecordReader final : public RecordReader {
 public:
  JsonRecordReader(std::unique_ptr<LineSource> source, const ColumnMap& map)
      : source_(std::move(source)), map_(map) {}

  absl::StatusOr<bool> Next(Record* record) override {
    std::string_view line;
    do {
      ATTUNE_ASSIGN_OR_RETURN(const bool has_line, source_->Next(&line));
      if (!has_line) return false;
    } while (StripBlanks(line).empty());
    record->path = path();
    record->line = source_->line_number();
    const absl::Status parsed = ParseLine(line, record);
    if (!parsed.ok()) {
      return RowError(path(), record->line, ToStd(parsed.message()));
    }
    return true;
  }

  const std::vector<std::string>& columns() const override { return columns_; }
  absl::Status SkipTo(LinePosition position) override {
    return source_->SkipTo(position);
  }
  LinePosition position() const override { return source_->position(); }
  int64_t line_number() const override { return source_->line_number(); }
  const std::string& path() const override { return source_->path(); }
  int64_t file_position() const override { return source_->file_position(); }
  int64_t file_size() const override { return source_->file_size(); }

 private:
  // What a key of the file is here: looked up once per field and row.
  struct Column {
    std::string name;       // mapped; empty = dropped
    int64_t last_line = 0;  // where the key was seen last: finds repetitions
  };

  static absl::Status Broken(simdjson::error_code code) {
    if (code == simdjson::UTF8_ERROR) {
      return absl::InvalidArgumentError("the row is not valid UTF-8");
    }
    return absl::InvalidArgumentError(
        StrCat("broken JSON: ", simdjson::error_message(code)));
  }

  absl::Status ParseLine(std::string_view line, Record* record) {
    ondemand::document document;
    if (auto error = parser_
                         .iterate(line.data(), line.size(),
                                  line.size() + LineSource::kPaddingBytes)
                         .get(document)) {
      return Broken(error);
    }
    ondemand::json_type type;
    if (auto error = document.type().get(type)) return Broken(error);
    if (type != ondemand::json_type::object) {
      return absl::InvalidArgumentError(
          "not a JSON object; each line must hold one object, {…}");
    }
    ondemand::object object;
    if (auto error = document.get_object().get(object)) return Broken(error);
    size_t count = 0;
    for (auto item : object) {
      ondemand::field entry;
      if (auto error = std::move(item).get(entry)) return Broken(error);
      std::string_view key;
      if (auto error = entry.unescaped_key().get(key)) return Broken(error);
      ATTUNE_ASSIGN_OR_RETURN(const Column* column, FindColumn(key));
      if (column->name.empty()) continue;
      if (count == record->fields.size()) record->fields.emplace_back();
      RecordField& field = record->fields[count++];
      field.name = column->name;
      ATTUNE_RETURN_IF_ERROR(ParseField(entry.value(), &field));
    }
    record->fields.resize(count);
    const char* rest = nullptr;
    if (!document.current_location().get(rest)) {
      return absl::InvalidArgumentError(
          "broken JSON: there is more behind the object on this line");
    }
    return CheckRenamed(*record);
  }

  absl::StatusOr<const Column*> FindColumn(std::string_view key) {
    const int64_t line = source_->line_number();
    auto [place, added] =
        columns_by_key_.try_emplace(absl::string_view(key.data(), key.size()));
    Column& column = place->second;
    if (added) {
      if (key.empty()) {
        columns_by_key_.erase(place);
        return absl::InvalidArgumentError("a field has no name");
      }
      if (columns_.size() >= kMaxFields) {
        columns_by_key_.erase(place);
        return absl::InvalidArgumentError(
            StrCat("more than ", kMaxFields, " different fields in this file"));
      }
      columns_.emplace_back(key);
      column.name = map_.NewName(key);
    } else if (column.last_line == line) {
      return absl::InvalidArgumentError(
          StrCat("field ", Excerpt(key), " is there twice"));
    }
    column.last_line = line;
    return &column;
  }

  // Two keys may have become one name only through the map.
  absl::Status CheckRenamed(const Record& record) const {
    if (map_.empty()) return absl::OkStatus();
    for (size_t i = 0; i < record.fields.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (record.fields[i].name == record.fields[j].name) {
          return absl::InvalidArgumentError(
              StrCat("two fields would both be \"", record.fields[i].name,
                     "\"; rename one of them with --map"));
        }
      }
    }
    return absl::OkStatus();
  }

  // Sets kind and text of anything but lists and objects.
  template <typename JsonValue>
  static absl::Status ParseScalar(ondemand::json_type type, JsonValue& value,
                                  RecordField* field) {
    switch (type) {
      case ondemand::json_type::string:
        field->kind = RecordField::Kind::kText;
        if (auto error = value.get_string().get(field->text)) {
          return Broken(error);
        }
        return absl::OkStatus();
      case ondemand::json_type::number:
        field->kind = RecordField::Kind::kNumber;
        field->text = StripBlanks(value.raw_json_token());
        if (!IsJsonNumber(field->text)) break;
        return absl::OkStatus();
      case ondemand::json_type::boolean: {
        bool boolean = false;
        if (auto error = value.get_bool().get(boolean)) return Broken(error);
        field->kind = RecordField::Kind::kBoolean;
        field->text = boolean ? "true" : "false";
        return absl::OkStatus();
      }
      case ondemand::json_type::null:
        field->kind = RecordField::Kind::kMissing;
        field->text = StripBlanks(value.raw_json_token());
        if (field->text != "null") break;
        field->text = {};
        return absl::OkStatus();
      default:
        return absl::InvalidArgumentError(
            StrCat("field \"", field->name,
                   "\": nested objects and lists are not read; leave "
                   "the field out with --drop"));
    }
    return absl::InvalidArgumentError(
        StrCat("broken JSON: field \"", field->name,
               "\": ", Excerpt(field->text), " is no JSON value"));
  }

  static absl::Status ParseField(ondemand::value value, RecordField* field) {
    field->list.clear();
    field->list_kinds.clear();
    field->text = {};
    ondemand::json_type type;
    if (auto error = value.type().get(type)) return Broken(error);
    if (type != ondemand::json_type::array) {
      return ParseScalar(type, value, field);
    }
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return Broken(error);
    for (auto item : array) {
      ondemand::value element;
      if (auto error = std::move(item).get(element)) return Broken(error);
      if (auto error = element.type().get(type)) return Broken(error);
      ATTUNE_RETURN_IF_ERROR(ParseScalar(type, element, field));
      if (field->missing()) continue;
      field->list.push_back(field->text);
      field->list_kinds.push_back(field->kind);
    }
    field->kind = RecordField::Kind::kList;
    field->text = {};
    return absl::OkStatus();
  }

  std::unique_ptr<LineSource> source_;
  const ColumnMap map_;
  ondemand::parser parser_;
  std::vector<std::string> columns_;
  // Node-based: records hold views of the names while more keys come in.
  absl::node_hash_map<std::string, Column> columns_by_key_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordReader>> OpenJsonRecordReader(
    const std::string& path, const ColumnMap& map) {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<LineSource> source,
                          LineSource::Open(path));
  return std::make_unique<JsonRecordReader>(std::move(source), map);
}

}  // namespace attune
