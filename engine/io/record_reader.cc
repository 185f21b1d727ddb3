#include "engine/io/record_reader.h"

#include "base/status_macros.h"
#include "engine/io/file_format.h"
#include "engine/io/record_formats.h"

namespace attune {

absl::StatusOr<std::unique_ptr<RecordReader>> RecordReader::Open(
    const std::string& path, const ColumnMap& map) {
  ATTUNE_ASSIGN_OR_RETURN(const FileFormat format, FormatOfPath(path));
  return format.kind == FileFormat::Kind::kTsv
             ? OpenTsvRecordReader(path, map)
             : OpenJsonRecordReader(path, map);
}

}  // namespace attune
