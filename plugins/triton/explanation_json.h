#pragma once

#include <string>

#include "proto/attune.pb.h"

namespace attune::triton {

/// Why an item stands where it does, with the names of `attune rank --json`:
/// {"match_part":…,"fusion_part":…,"reasons":[{"item_id":…,"title":…,"action":…,
/// "time_ms":…,"position":…,"attention":…,"effect":…}]}.
std::string ExplanationJson(const v1::Explanation& explanation);

}  // namespace attune::triton
