#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/record_formats.h"

namespace attune {
namespace {

constexpr size_t kMaxColumns = 4096;

// Calls cell(index, text) for each cell; returns how many there are.
template <typename Function>
size_t ForEachCell(std::string_view line, Function cell) {
  size_t index = 0;
  while (true) {
    const size_t tab = line.find('\t');
    cell(index++, line.substr(0, tab));
    if (tab == std::string_view::npos) return index;
    line.remove_prefix(tab + 1);
  }
}

class TsvRecordReader final : public RecordReader {
 public:
  TsvRecordReader(std::unique_ptr<LineSource> source, const ColumnMap& map)
      : source_(std::move(source)), map_(map) {}

  absl::Status ReadHeader() {
    std::string_view line;
    absl::StatusOr<bool> has_line = source_->Next(&line);
    if (!has_line.ok()) return has_line.status();
    if (!*has_line || line.empty()) {
      return RowError(path(), 1,
                      *has_line ? "the header row is empty"
                                : "the file is empty; a header row with the "
                                  "column names is expected");
    }
    if (!simdjson::validate_utf8(line.data(), line.size())) {
      return RowError(path(), 1, "the header row is not valid UTF-8");
    }
    ForEachCell(line, [&](size_t, std::string_view name) {
      columns_.emplace_back(name);
    });
    if (columns_.size() > kMaxColumns) {
      return RowError(path(), 1,
                      StrCat(columns_.size(), " columns; at most ", kMaxColumns,
                             " are read"));
    }
    for (const std::string& column : columns_) {
      names_.emplace_back(map_.NewName(column));
    }
    return CheckNames();
  }

  absl::StatusOr<bool> Next(Record* record) override {
    std::string_view line;
    do {
      ATTUNE_ASSIGN_OR_RETURN(const bool has_line, source_->Next(&line));
      if (!has_line) return false;
    } while (line.empty());
    record->path = path();
    record->line = source_->line_number();
    if (!simdjson::validate_utf8(line.data(), line.size())) {
      return RowError(path(), record->line, "the row is not valid UTF-8");
    }
    record->fields.resize(kept_);
    size_t kept = 0;
    const size_t cells =
        ForEachCell(line, [&](size_t index, std::string_view cell) {
          if (index >= names_.size() || names_[index].empty()) return;
          RecordField& field = record->fields[kept++];
          field.name = names_[index];
          field.kind = cell.empty() ? RecordField::Kind::kMissing
                                    : RecordField::Kind::kCell;
          field.text = cell;
          field.list.clear();
        });
    if (cells != names_.size()) {
      return RowError(path(), record->line,
                      StrCat(cells, cells == 1 ? " cell" : " cells",
                             ", but the header has ", names_.size(),
                             names_.size() == 1 ? " column" : " columns"));
    }
    return true;
  }

  const std::vector<std::string>& columns() const override { return columns_; }

  absl::Status SkipTo(LinePosition position) override {
    if (position.offset <= source_->position().offset) return absl::OkStatus();
    ATTUNE_ASSIGN_OR_RETURN(source_, LineSource::Open(path()));
    return source_->SkipTo(position);
  }

  LinePosition position() const override { return source_->position(); }
  int64_t line_number() const override { return source_->line_number(); }
  const std::string& path() const override { return source_->path(); }
  int64_t file_position() const override { return source_->file_position(); }
  int64_t file_size() const override { return source_->file_size(); }

 private:
  absl::Status CheckNames() {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].empty()) {
        return RowError(path(), 1, StrCat("column ", i + 1, " has no name"));
      }
      if (names_[i].empty()) continue;
      ++kept_;
      const auto first =
          std::find(names_.begin(), names_.begin() + i, names_[i]);
      if (first == names_.begin() + i) continue;
      const std::string& other = columns_[first - names_.begin()];
      return RowError(
          path(), 1,
          other == columns_[i]
              ? StrCat("column \"", columns_[i], "\" is there twice")
              : StrCat("columns \"", other, "\" and \"", columns_[i],
                       "\" would both be \"", names_[i],
                       "\"; rename one of them with --map"));
    }
    if (columns_.size() == 1 &&
        columns_[0].find_first_of(",;") != std::string::npos) {
      return RowError(path(), 1,
                      "the header row has no tab but commas or semicolons: "
                      "convert CSV to TSV first");
    }
    return absl::OkStatus();
  }

  std::unique_ptr<LineSource> source_;
  const ColumnMap map_;
  std::vector<std::string> columns_;
  std::vector<std::string> names_;  // mapped; empty = dropped
  size_t kept_ = 0;                 // names that are not empty
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordReader>> OpenTsvRecordReader(
    const std::string& path, const ColumnMap& map) {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<LineSource> source,
                          LineSource::Open(path));
  auto reader = std::make_unique<TsvRecordReader>(std::move(source), map);
  ATTUNE_RETURN_IF_ERROR(reader->ReadHeader());
  return reader;
}

}  // namespace attune
