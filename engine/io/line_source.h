#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/byte_source.h"

namespace attune {

/// "events.jsonl:812: message", the form of every error about a row. Row errors
/// are InvalidArgument: the next row can still be read. Everything else
/// (DataLoss, Unavailable, …) ends the file.
absl::Status RowError(std::string_view path, int64_t line,
                      std::string_view message);

/// A place between two lines.
struct LinePosition {
  int64_t offset = 0;  ///< in decompressed bytes
  int64_t line = 0;    ///< lines before it
};

/// The lines of a text file, plain or gzip, in memory that does not grow with
/// the file. A UTF-8 byte order mark and carriage returns before line feeds are
/// dropped. Not thread-safe.
class LineSource {
 public:
  static constexpr size_t kDefaultMaxLineBytes = size_t{16} << 20;
  /// Bytes that may be read (not used) behind every returned line; what
  /// simdjson wants.
  static constexpr size_t kPaddingBytes = 64;

  static absl::StatusOr<std::unique_ptr<LineSource>> Open(
      const std::string& path, size_t max_line_bytes = kDefaultMaxLineBytes);

  /// Sets *line to the next line, without its end; false at the end of the
  /// file. The line is valid until the next call. A line that is too long is a
  /// row error (InvalidArgument), after which the next call reads the line
  /// behind it; DataLoss for broken gzip data. Errors name file and line.
  absl::StatusOr<bool> Next(std::string_view* line);

  /// Continues where position() of an earlier reading was.
  /// REQUIRES: no Next() yet.
  absl::Status SkipTo(LinePosition position);

  /// The place behind the line that Next() returned last.
  LinePosition position() const { return position_; }
  /// Number of that line, from 1.
  int64_t line_number() const { return position_.line; }
  const std::string& path() const { return path_; }

  /// Bytes of the file itself taken so far, and its size: for progress.
  int64_t file_position() const { return bytes_->file_position(); }
  int64_t file_size() const { return bytes_->file_size(); }

 private:
  LineSource(std::string path, std::unique_ptr<ByteSource> bytes,
             size_t max_line_bytes);
  absl::Status Fill();
  absl::Status CheckStart();
  absl::Status SkipRestOfLine();

  std::string path_;
  std::unique_ptr<ByteSource> bytes_;
  size_t max_line_bytes_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // first byte not yet given out
  size_t end_ = 0;    // behind the last byte read
  bool at_end_ = false;
  bool at_start_ = true;
  LinePosition position_;
};

}  // namespace attune
