#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/attune.pb.h"

namespace attune {

/// Where the requests that `attune bench` sends come from.
struct BenchRequestOptions {
  std::string database;
  std::string file;      ///< recorded requests; empty: they are drawn
  int count = 500;       ///< to draw
  int candidates = 500;  ///< of each drawn request
  uint32_t k = 10;
  uint64_t seed = 1;
};

/// At least one request. Recorded ones are rows of user_id and, where it is not
/// the catalogue, candidates (a list, or "a|b" in TSV) and columns that
/// the database declares as context; an error names the row. Drawn ones take
/// users and distinct items of the database, each equally likely.
absl::StatusOr<std::vector<v1::RankRequest>> BenchRequests(
    const BenchRequestOptions& options);

}  // namespace attune
