#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/column_map.h"
#include "engine/io/line_source.h"
#include "engine/io/record.h"

namespace attune {

/// The rows of a JSON lines (.jsonl, .ndjson, .json) or TSV (.tsv, .tab, .txt)
/// file, each also with .gz behind. TSV has one header row, tabs between the
/// cells and no quoting. Blank lines are skipped. Not thread-safe.
class RecordReader {
 public:
  /// Every name the reader gives out has been through `map`. InvalidArgument
  /// for another kind of file (CSV among them) or a bad TSV header.
  static absl::StatusOr<std::unique_ptr<RecordReader>> Open(
      const std::string& path, const ColumnMap& map = {});
  virtual ~RecordReader() = default;

  /// Reads the next row into *record, whose memory it reuses; false at the end.
  /// InvalidArgument for a row that cannot be read (broken JSON, repeated
  /// field, wrong number of cells, invalid UTF-8): "events.jsonl:812: …", and
  /// the next call goes on behind it. Any other status ends the file.
  virtual absl::StatusOr<bool> Next(Record* record) = 0;

  /// The file's own column names before mapping: TSV, the header; JSON lines,
  /// those met so far, in order of appearance.
  virtual const std::vector<std::string>& columns() const = 0;

  /// Continues where position() of an earlier reading of the same content was.
  /// REQUIRES: no Next() yet.
  virtual absl::Status SkipTo(LinePosition position) = 0;

  /// Behind the last row read, good or bad.
  virtual LinePosition position() const = 0;
  virtual int64_t line_number() const = 0;
  virtual const std::string& path() const = 0;
  /// Bytes of the file itself taken so far, and its size.
  virtual int64_t file_position() const = 0;
  virtual int64_t file_size() const = 0;
};

}  // namespace attune
