#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// Writes a text file line by line, gzip where the name ends in .gz. The file
/// appears under its name only when Close() succeeded, over the one that was
/// there; until then, and for ever after a crash, the old content stays. Equal
/// lines give equal bytes. Not thread-safe.
class LineWriter {
 public:
  static absl::StatusOr<std::unique_ptr<LineWriter>> Create(
      const std::string& path);
  /// Removes the unfinished file unless Close() succeeded.
  virtual ~LineWriter() = default;

  /// Appends `line` and a line feed. Errors name the path and come as soon as
  /// they are known (a full disk at the latest by Close()).
  virtual absl::Status Write(std::string_view line) = 0;
  virtual absl::Status Close() = 0;
};

/// Appends `text` as a TSV cell: tabs, line feeds and carriage returns become
/// blanks, since TSV here has no quoting.
void AppendTsvCell(std::string_view text, std::string* out);

}  // namespace attune
