#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "base/worker_set.h"
#include "plugins/triton/engine_registry.h"
#include "plugins/triton/model_options.h"
#include "plugins/triton/rank_inputs.h"
#include "plugins/triton/response_writer.h"

namespace attune::triton {

/// One loaded Triton model: answers its requests. Thread-safe.
class RequestRunner {
 public:
  RequestRunner(ModelOptions options, EngineRegistry::Lease engine);

  /// Answers and releases every request: with outputs, or with an error of its
  /// own. Returns when all are done; up to `parallel_requests` run side by
  /// side, and each is answered when it is ready.
  void Execute(TRITONBACKEND_ModelInstance* instance,
               std::span<TRITONBACKEND_Request*> requests) const noexcept;

 private:
  /// Nanoseconds of the steps of one request.
  struct Times;

  /// Rows that the request had; sets *request to null when it is released.
  int64_t ExecuteOne(TRITONBACKEND_ModelInstance* instance,
                     TRITONBACKEND_Request** request) const noexcept;
  absl::Status Answer(TRITONBACKEND_Request* request,
                      TRITONBACKEND_Response* response, int64_t* rows,
                      Times* times) const;
  absl::Status Rank(const RankInputs& inputs, const OutputSet& outputs,
                    const ResponseWriter& writer, Times* times) const;
  absl::Status RankRow(const RankInputs& inputs, const OutputSet& outputs,
                       int64_t row, RankedRow* out) const;
  /// attune_rank_ids: for CANDIDATE_SCORES alone.
  absl::Status ScoreIds(const RankInputs& inputs, const ResponseWriter& writer,
                        Times* times) const;
  absl::Status ScoreRow(const RankInputs& inputs, int64_t row,
                        std::span<float> scores) const;
  /// body(row) of all rows, side by side; the first row's error that has one.
  template <typename Body>
  absl::Status ForEachRow(int64_t rows, const Body& body) const;

  const ModelOptions options_;
  const EngineRegistry::Lease engine_;
  const std::shared_ptr<WorkerSet> workers_;
};

}  // namespace attune::triton
