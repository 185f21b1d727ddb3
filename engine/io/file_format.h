#pragma once

#include <string_view>

#include "absl/status/statusor.h"

namespace attune {

/// What a file's name says about its content.
struct FileFormat {
  enum class Kind { kJsonLines, kTsv } kind = Kind::kJsonLines;
  bool gzip = false;
};

/// From the ending: .jsonl .ndjson .json, .tsv .tab .txt, each also with .gz.
/// InvalidArgument for any other, with a hint for CSV.
absl::StatusOr<FileFormat> FormatOfPath(std::string_view path);

}  // namespace attune
