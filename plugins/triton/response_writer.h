#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugins/triton/ranked_rows.h"
#include "plugins/triton/tensor_table.h"

namespace attune::triton {

/// Which outputs a request asks for.
using OutputSet = std::bitset<kOutputCount>;
absl::StatusOr<OutputSet> RequestedOutputs(TRITONBACKEND_Request* request);

/// Writes a response's outputs. Rows of a batch are as long as the longest one:
/// the others end in empty ids and NaN.
class ResponseWriter {
 public:
  /// With `batched`, outputs get a leading dimension of the rows.
  ResponseWriter(TRITONBACKEND_Response* response, bool batched)
      : response_(response), batched_(batched) {}

  /// The outputs asked for, of ranked rows.
  absl::Status Write(const OutputSet& outputs,
                     std::span<const RankedRow> rows) const;

  /// CANDIDATE_SCORES alone, `rows` rows of `per_row` each.
  absl::Status WriteCandidateScores(int64_t rows, int64_t per_row,
                                    std::span<const float> scores) const;

 private:
  /// Room for an output of `rows` times `dims`; the server's, until it is sent.
  absl::StatusOr<void*> Make(OutputId id, int64_t rows,
                             std::span<const int64_t> dims,
                             uint64_t size_bytes) const;
  /// Texts in rows of `per_row` each.
  template <typename Text>
  absl::Status WriteTexts(OutputId id, int64_t rows, int64_t per_row,
                          std::span<const Text> texts) const;
  template <typename Number>
  absl::Status WriteNumbers(OutputId id, int64_t rows,
                            std::span<const int64_t> dims,
                            std::span<const Number> numbers) const;
  absl::Status WriteOne(OutputId id, std::span<const RankedRow> rows) const;

  TRITONBACKEND_Response* const response_;
  const bool batched_;
};

}  // namespace attune::triton
