#pragma once

#include <string>
#include <string_view>

#include "engine/io/file_format.h"
#include "proto/attune.pb.h"

namespace attune {

/// Appends a user's line of a batch's output, line feed included.
///
/// JSON lines: {"user_id":…,"items":[{"item_id":…,"score":…,"rank":1},…],
/// "model":…}; with `explain` also the match_part, fusion_part and reasons of
/// response_json.h in each item.
///
/// TSV, without a header row: user_id, a tab, and item:score|item:score|…, best
/// first. The score follows the last colon of its part. In ids, a backslash,
/// tab, line feed, carriage return and | are written \\ \t \n \r \|.
///
/// Scores read back as the same double.
void AppendBatchLine(FileFormat::Kind kind, std::string_view user_id,
                     const v1::RankResponse& response, bool explain,
                     std::string* out);

}  // namespace attune
