#include "engine/batch/id_source.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/file_format.h"
#include "engine/io/id_field.h"
#include "engine/io/line_source.h"
#include "engine/io/record_formats.h"
#include "engine/io/record_reader.h"

namespace attune {
namespace {

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t") == std::string_view::npos;
}

class ListSource final : public IdSource {
 public:
  explicit ListSource(std::vector<std::string> ids) : ids_(std::move(ids)) {}

  absl::StatusOr<bool> Next(std::string* id) override {
    if (next_ == ids_.size()) return false;
    *id = ids_[next_++];
    return true;
  }
  int64_t total() const override { return static_cast<int64_t>(ids_.size()); }
  std::string where() const override { return StrCat("number ", next_); }

 private:
  std::vector<std::string> ids_;
  size_t next_ = 0;
};

// One id per line.
class LineIds final : public IdSource {
 public:
  explicit LineIds(std::unique_ptr<LineSource> lines)
      : lines_(std::move(lines)) {}

  absl::StatusOr<bool> Next(std::string* id) override {
    std::string_view line;
    do {
      ATTUNE_ASSIGN_OR_RETURN(const bool has_line, lines_->Next(&line));
      if (!has_line) return false;
    } while (IsBlank(line));
    if (line.find('\t') != std::string_view::npos) {
      return Error(StrCat("a tab in ", Excerpt(line),
                          "; a file without a header row holds one id per "
                          "line"));
    }
    if (!simdjson::validate_utf8(line.data(), line.size())) {
      return Error("the id is not valid UTF-8");
    }
    id->assign(line);
    return true;
  }
  std::string where() const override {
    return StrCat(lines_->path(), ":", lines_->line_number());
  }

 private:
  absl::Status Error(std::string_view message) const {
    return RowError(lines_->path(), lines_->line_number(), message);
  }

  std::unique_ptr<LineSource> lines_;
};

// A field of each row.
class RecordIds final : public IdSource {
 public:
  RecordIds(std::unique_ptr<RecordReader> reader, std::string field)
      : reader_(std::move(reader)), field_(std::move(field)) {}

  absl::StatusOr<bool> Next(std::string* id) override {
    ATTUNE_ASSIGN_OR_RETURN(const bool has_row, reader_->Next(&record_));
    if (!has_row) return false;
    const auto found =
        std::find_if(record_.fields.begin(), record_.fields.end(),
                     [&](const RecordField& f) { return f.name == field_; });
    if (found == record_.fields.end() || found->missing()) {
      return Error("missing");
    }
    const absl::StatusOr<std::string_view> text = IdOf(*found);
    if (!text.ok()) return Error(ToStd(text.status().message()));
    if (text->empty()) return Error("empty");
    id->assign(*text);
    return true;
  }
  std::string where() const override {
    return StrCat(reader_->path(), ":", reader_->line_number());
  }

 private:
  absl::Status Error(std::string_view what) const {
    return RowError(reader_->path(), record_.line,
                    StrCat("field \"", field_, "\": ", what));
  }

  std::unique_ptr<RecordReader> reader_;
  std::string field_;
  Record record_;
};

// Another source whose length was found out beforehand.
class CountedIds final : public IdSource {
 public:
  CountedIds(std::unique_ptr<IdSource> ids, int64_t total)
      : ids_(std::move(ids)), total_(total) {}
  absl::StatusOr<bool> Next(std::string* id) override { return ids_->Next(id); }
  int64_t total() const override { return total_; }
  std::string where() const override { return ids_->where(); }

 private:
  std::unique_ptr<IdSource> ids_;
  int64_t total_;
};

enum class Kind { kJsonLines, kTsv, kLines };

// What the first line says; kLines for an empty file.
absl::StatusOr<Kind> KindOfContent(const std::string& path,
                                   std::string_view field) {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<LineSource> lines,
                          LineSource::Open(path));
  std::string_view line;
  ATTUNE_ASSIGN_OR_RETURN(const bool has_line, lines->Next(&line));
  if (!has_line) return Kind::kLines;
  if (line.starts_with('{')) return Kind::kJsonLines;
  if (line == field || line.find('\t') != std::string_view::npos) {
    return Kind::kTsv;
  }
  return Kind::kLines;
}

absl::StatusOr<Kind> KindOf(const std::string& path, std::string_view field) {
  const absl::StatusOr<FileFormat> format = FormatOfPath(path);
  if (!format.ok()) {
    if (path.ends_with(".csv") || path.ends_with(".csv.gz")) {
      return format.status();
    }
    return KindOfContent(path, field);
  }
  if (format->kind == FileFormat::Kind::kJsonLines) return Kind::kJsonLines;
  if (path.ends_with(".txt") || path.ends_with(".txt.gz")) {
    return KindOfContent(path, field);
  }
  return Kind::kTsv;
}

absl::StatusOr<std::unique_ptr<IdSource>> OpenAs(Kind kind,
                                                 const std::string& path,
                                                 std::string_view field) {
  if (kind == Kind::kLines) {
    ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<LineSource> lines,
                            LineSource::Open(path));
    return std::make_unique<LineIds>(std::move(lines));
  }
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<RecordReader> reader,
                          kind == Kind::kTsv ? OpenTsvRecordReader(path, {})
                                             : OpenJsonRecordReader(path, {}));
  if (kind == Kind::kTsv) {
    const std::vector<std::string>& columns = reader->columns();
    if (std::find(columns.begin(), columns.end(), field) == columns.end()) {
      std::string names;
      for (const std::string& column : columns) {
        names += StrCat(names.empty() ? "" : ", ", column);
      }
      return RowError(path, 1,
                      StrCat("no column \"", field, "\"; columns: ", names));
    }
  }
  return std::make_unique<RecordIds>(std::move(reader), std::string(field));
}

}  // namespace

absl::StatusOr<std::unique_ptr<IdSource>> OpenIdFile(const std::string& path,
                                                     std::string_view field) {
  ATTUNE_ASSIGN_OR_RETURN(const Kind kind, KindOf(path, field));
  int64_t total = 0;
  {
    ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<IdSource> ids,
                            OpenAs(kind, path, field));
    std::string id;
    while (true) {
      ATTUNE_ASSIGN_OR_RETURN(const bool has_id, ids->Next(&id));
      if (!has_id) break;
      ++total;
    }
  }
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<IdSource> ids,
                          OpenAs(kind, path, field));
  return std::make_unique<CountedIds>(std::move(ids), total);
}

std::unique_ptr<IdSource> IdsOf(std::vector<std::string> ids) {
  return std::make_unique<ListSource>(std::move(ids));
}

absl::StatusOr<std::vector<std::string>> ReadIdFile(const std::string& path,
                                                    std::string_view field) {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<IdSource> source,
                          OpenIdFile(path, field));
  std::vector<std::string> ids;
  ids.reserve(static_cast<size_t>(source->total()));
  std::string id;
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const bool has_id, source->Next(&id));
    if (!has_id) return ids;
    ids.push_back(id);
  }
}

}  // namespace attune
