#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "plugins/triton/input_tensor.h"
#include "plugins/triton/request_parameters.h"
#include "proto/attune.pb.h"

namespace attune::triton {

/// What requests get that do not say.
struct RankDefaults {
  uint32_t k = 0;
  bool explain = false;
};

/// One Triton request: its tensors and parameters, as `rows` requests to rank
/// (1 without batching). Refers to the request's memory.
class RankInputs {
 public:
  /// InvalidArgument names the input.
  static absl::StatusOr<RankInputs> Read(TRITONBACKEND_Request* request,
                                         bool batched);

  int64_t rows() const { return rows_; }
  const RequestParameters& parameters() const { return parameters_; }
  /// Null where the request has none.
  const InputTensor* Get(InputId id) const {
    const auto& tensor = tensors_[static_cast<size_t>(id)];
    return tensor.has_value() ? &*tensor : nullptr;
  }
  /// Whether a row is a RankRequest in bytes (REQUEST).
  bool HasMessage() const { return Get(InputId::kRequest) != nullptr; }
  /// Whether user, candidate ids and times are all it says, so that
  /// attune_rank_ids can answer.
  bool OnlyIds() const;

  /// A row's request, from REQUEST or from the other inputs.
  absl::StatusOr<v1::RankRequest> RequestOf(int64_t row,
                                            const RankDefaults& defaults) const;

 private:
  absl::Status CheckTogether() const;
  absl::Status AddHistory(int64_t row, v1::RankRequest* out) const;

  int64_t rows_ = 1;
  std::string id_;
  RequestParameters parameters_;
  std::array<std::optional<InputTensor>, kInputCount> tensors_;
};

}  // namespace attune::triton
