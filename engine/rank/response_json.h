#pragma once

#include <string>
#include <string_view>

#include "proto/attune.pb.h"

namespace attune {

/// A response as one line of JSON, without a line end, fields in this order:
///
///   {"request_id":…, "model":…, "now_ms":…, "retrieved":…,
///    "candidates_scored":…, "history_length":…, "warm":…, "unknown_items":…,
///    "degraded":[…], "tasks":[…],
///    "items":[{"item_id":…, "score":…, "rank":…, "probabilities":{task:…},
///              "logits":{task:…}, "match_part":…, "fusion_part":…,
///              "reasons":[{"item_id":…, "title":…, "action":…, "time_ms":…,
///                          "position":…, "attention":…, "effect":…}]}]}
///
/// request_id and degraded stand only where they are not empty, the last three
/// of an item only where it was explained, title and time_ms only where known.
/// Numbers read back as the same double; one that is not finite is null.
std::string ResponseToJson(const v1::RankResponse& response);

/// `"match_part":…,"fusion_part":…,"reasons":[…]`, the part of an item's object
/// that explains it; other formats share it.
void AppendExplanationFields(const v1::Explanation& explanation,
                             std::string* out);

}  // namespace attune
