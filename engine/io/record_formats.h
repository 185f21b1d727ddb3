#pragma once

// The formats behind RecordReader::Open(); use that.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/io/column_map.h"
#include "engine/io/record_reader.h"

namespace attune {

absl::StatusOr<std::unique_ptr<RecordReader>> OpenJsonRecordReader(
    const std::string& path, const ColumnMap& map);
absl::StatusOr<std::unique_ptr<RecordReader>> OpenTsvRecordReader(
    const std::string& path, const ColumnMap& map);

}  // namespace attune
