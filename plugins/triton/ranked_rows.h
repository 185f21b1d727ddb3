#pragma once

#include <string>
#include <vector>

#include "plugins/triton/engine_handle.h"
#include "proto/attune.pb.h"

namespace attune::triton {

/// The answer to one row of a request, as far as the outputs need it.
struct RankedRow {
  EngineBuffer bytes;         ///< the RankResponse as the engine wrote it
  v1::RankResponse response;  ///< it, parsed
  std::vector<std::string> candidates;  ///< ids in the request's order
};

}  // namespace attune::triton
