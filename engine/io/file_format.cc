#include "engine/io/file_format.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace attune {
namespace {

bool EndsWithIgnoreCase(std::string_view text, std::string_view ending) {
  if (text.size() < ending.size()) return false;
  text.remove_prefix(text.size() - ending.size());
  return std::equal(text.begin(), text.end(), ending.begin(),
                    [](char a, char b) { return absl::ascii_tolower(a) == b; });
}

}  // namespace

absl::StatusOr<FileFormat> FormatOfPath(std::string_view path) {
  FileFormat format;
  std::string_view stem = path;
  if (EndsWithIgnoreCase(stem, ".gz")) {
    format.gzip = true;
    stem.remove_suffix(3);
  }
  for (std::string_view ending : {".jsonl", ".ndjson", ".json"}) {
    if (EndsWithIgnoreCase(stem, ending)) return format;
  }
  format.kind = FileFormat::Kind::kTsv;
  for (std::string_view ending : {".tsv", ".tab", ".txt"}) {
    if (EndsWithIgnoreCase(stem, ending)) return format;
  }
  if (EndsWithIgnoreCase(stem, ".csv")) {
    return absl::InvalidArgumentError(StrCat(
        path,
        ": CSV is not read or written, because its quoting differs between "
        "programs; use TSV (tabs, header row, no quoting) or JSON lines"));
  }
  return absl::InvalidArgumentError(StrCat(
      path,
      ": the ending says neither JSON lines (.jsonl) nor TSV (.tsv), plain or "
      "with .gz"));
}

}  // namespace attune
