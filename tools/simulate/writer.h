#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune::simulate {

/// Writes a text file, plain or gzip, under a temporary name that becomes the
/// final one in Commit: a file of the final name is always whole. Without
/// Commit the destructor removes the temporary file. Not thread-safe.
class TextWriter {
 public:
  /// Opens path (+ ".gz") + ".partial". PermissionDenied, NotFound, ... with
  /// the path in the message.
  static absl::StatusOr<TextWriter> Create(const std::string& path, bool gzip);

  TextWriter(TextWriter&&) noexcept;
  TextWriter& operator=(TextWriter&&) noexcept;
  ~TextWriter();

  absl::Status Append(std::string_view text);

  /// Flushes, closes and renames.
  absl::Status Commit();

  /// Final name, with .gz if so.
  const std::string& path() const;

 private:
  struct Impl;
  explicit TextWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune::simulate
