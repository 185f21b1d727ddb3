#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "plugins/triton/triton_api.h"
#include "proto/attune.pb.h"

namespace attune::triton {

/// What stands in a request's "parameters" (KServe's), which need no tensor.
/// Names that are not Attune's are others' (headers that a proxy forwards) and
/// are left alone. InvalidArgument names a parameter of the wrong type.
struct RequestParameters {
  std::optional<int64_t> k, now_ms, deadline_ms;
  std::optional<bool> explain, exclude_seen, include_unavailable;
  std::optional<bool> without_state;
  std::optional<double> diversity;
  std::optional<std::string> model, value_formula;

  static absl::StatusOr<RequestParameters> Read(TRITONBACKEND_Request* request);

  /// Whether there is one that only a whole RankRequest can say.
  bool NeedsRanking() const {
    return explain || exclude_seen || include_unavailable || diversity ||
           value_formula;
  }
  /// Writes those given.
  absl::Status Apply(v1::RankRequest* request) const;
};

/// A k from outside: InvalidArgument below 0 or above 2^32 - 1.
absl::StatusOr<uint32_t> CheckedK(int64_t k);

}  // namespace attune::triton
