#include "plugins/triton/request_runner.h"

#include <atomic>
#include <exception>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

constexpr int64_t kMaxMessageBytes = std::numeric_limits<int32_t>::max();

/// Whether any output needs the answer parsed.
bool NeedsParsing(OutputSet outputs) {
  outputs.reset(static_cast<size_t>(OutputId::kResponse));
  return outputs.any();
}

bool Only(const OutputSet& outputs, OutputId id) {
  return outputs.count() == 1 && outputs.test(static_cast<size_t>(id));
}

void LogError(TRITONSERVER_Error* error, std::string_view what) {
  const absl::Status status = FromTriton(error);
  if (status.ok()) return;
  LogToTriton(kTritonLogError, StrCat(what, ": ", ToStd(status.message())));
}

}  // namespace

struct RequestRunner::Times {
  uint64_t start = 0, compute_start = 0, compute_end = 0;
};

RequestRunner::RequestRunner(ModelOptions options, EngineRegistry::Lease engine)
    : options_(std::move(options)),
      engine_(std::move(engine)),
      workers_(options_.parallel_requests > 1
                   ? WorkerSet::Join(options_.parallel_requests - 1)
                   : nullptr) {}

void RequestRunner::Execute(
    TRITONBACKEND_ModelInstance* instance,
    std::span<TRITONBACKEND_Request*> requests) const noexcept {
  const auto start = static_cast<uint64_t>(MonotonicNs());
  std::atomic<int64_t> rows = 0;
  const auto one = [&](int64_t i) {
    rows += ExecuteOne(instance, &requests[static_cast<size_t>(i)]);
  };
  const auto count = static_cast<int64_t>(requests.size());
  try {
    if (workers_ != nullptr && count > 1) {
      workers_->Run(count, options_.parallel_requests - 1, one);
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): see below
    // No memory to share the work: what is left is done here.
  }
  for (int64_t i = 0; i < count; ++i) {
    if (requests[static_cast<size_t>(i)] != nullptr) one(i);
  }
  const auto end = static_cast<uint64_t>(MonotonicNs());
  try {
    LogError(TRITONBACKEND_ModelInstanceReportBatchStatistics(
                 instance, static_cast<uint64_t>(rows.load()), start, start,
                 end, end),
             "cannot report a batch");
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a log line
  }
}

int64_t RequestRunner::ExecuteOne(
    TRITONBACKEND_ModelInstance* instance,
    TRITONBACKEND_Request** request) const noexcept {
  Times times;
  times.start = times.compute_start = times.compute_end =
      static_cast<uint64_t>(MonotonicNs());
  int64_t rows = 1;
  bool success = false;
  TRITONBACKEND_Response* response = nullptr;
  TRITONSERVER_Error* error = TRITONBACKEND_ResponseNew(&response, *request);
  if (error == nullptr) {
    try {
      error = ToTriton(Answer(*request, response, &rows, &times));
    } catch (const std::bad_alloc&) {
      error =
          TRITONSERVER_ErrorNew(kTritonUnavailable, "attune: out of memory");
    } catch (const std::exception& exception) {
      error = TRITONSERVER_ErrorNew(kTritonInternal, exception.what());
    }
    success = error == nullptr;
    // The response is the server's from here on, whatever it answers.
    TRITONSERVER_Error* const unsent =
        TRITONBACKEND_ResponseSend(response, kTritonResponseFinal, error);
    if (unsent != nullptr) TRITONSERVER_ErrorDelete(unsent);
  }
  if (error != nullptr) TRITONSERVER_ErrorDelete(error);
  const auto end = static_cast<uint64_t>(MonotonicNs());
  for (TRITONSERVER_Error* fault :
       {TRITONBACKEND_ModelInstanceReportStatistics(
            instance, *request, success, times.start, times.compute_start,
            times.compute_end, end),
        TRITONBACKEND_RequestRelease(*request, kTritonReleaseAll)}) {
    if (fault != nullptr) TRITONSERVER_ErrorDelete(fault);
  }
  *request = nullptr;
  return rows;
}

absl::Status RequestRunner::Answer(TRITONBACKEND_Request* request,
                                   TRITONBACKEND_Response* response,
                                   int64_t* rows, Times* times) const {
  bool cancelled = false;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_RequestIsCancelled(request, &cancelled)));
  if (cancelled) return absl::CancelledError("the request was cancelled");
  ATTUNE_ASSIGN_OR_RETURN(const RankInputs inputs,
                          RankInputs::Read(request, options_.batched));
  *rows = inputs.rows();
  ATTUNE_ASSIGN_OR_RETURN(const OutputSet outputs, RequestedOutputs(request));
  const ResponseWriter writer(response, options_.batched);
  times->compute_start = static_cast<uint64_t>(MonotonicNs());
  if (Only(outputs, OutputId::kCandidateScores) && inputs.OnlyIds()) {
    return ScoreIds(inputs, writer, times);
  }
  return Rank(inputs, outputs, writer, times);
}

template <typename Body>
absl::Status RequestRunner::ForEachRow(int64_t rows, const Body& body) const {
  if (rows == 1) return body(0);
  std::vector<absl::Status> statuses(static_cast<size_t>(rows));
  const auto one = [&](int64_t row) {
    statuses[static_cast<size_t>(row)] = body(row);
  };
  if (workers_ != nullptr) {
    workers_->Run(rows, options_.parallel_requests - 1, one);
  } else {
    for (int64_t row = 0; row < rows; ++row) one(row);
  }
  for (int64_t row = 0; row < rows; ++row) {
    const absl::Status& status = statuses[static_cast<size_t>(row)];
    if (!status.ok()) {
      return absl::Status(status.code(),
                          StrCat("row ", row, ": ", ToStd(status.message())));
    }
  }
  return absl::OkStatus();
}

absl::Status RequestRunner::Rank(const RankInputs& inputs,
                                 const OutputSet& outputs,
                                 const ResponseWriter& writer,
                                 Times* times) const {
  std::vector<RankedRow> rows(static_cast<size_t>(inputs.rows()));
  const absl::Status status = ForEachRow(inputs.rows(), [&](int64_t row) {
    return RankRow(inputs, outputs, row, &rows[static_cast<size_t>(row)]);
  });
  times->compute_end = static_cast<uint64_t>(MonotonicNs());
  ATTUNE_RETURN_IF_ERROR(status);
  return writer.Write(outputs, rows);
}

absl::Status RequestRunner::RankRow(const RankInputs& inputs,
                                    const OutputSet& outputs, int64_t row,
                                    RankedRow* out) const {
  // REQUEST goes to the engine as it is: it checks the bytes before protobuf
  // reads them.
  v1::RankRequest request;
  if (const InputTensor* message = inputs.Get(InputId::kRequest)) {
    ATTUNE_ASSIGN_OR_RETURN(out->bytes, engine_->Rank(message->Text(row, 0)));
  } else {
    ATTUNE_ASSIGN_OR_RETURN(
        request, inputs.RequestOf(row, {options_.k, options_.explain}));
    ATTUNE_ASSIGN_OR_RETURN(out->bytes,
                            engine_->Rank(request.SerializeAsString()));
  }
  if (!NeedsParsing(outputs)) return absl::OkStatus();
  const std::string_view bytes = out->bytes.view();
  if (std::cmp_greater(bytes.size(), kMaxMessageBytes) ||
      !out->response.ParseFromArray(bytes.data(),
                                    static_cast<int>(bytes.size()))) {
    return absl::InternalError(
        StrCat("an answer of ", bytes.size(), " bytes cannot be parsed"));
  }
  if (outputs.test(static_cast<size_t>(OutputId::kCandidateScores))) {
    if (inputs.HasMessage()) {
      ATTUNE_ASSIGN_OR_RETURN(request, inputs.RequestOf(row, {}));
    }
    out->candidates.assign(request.candidate_ids().begin(),
                           request.candidate_ids().end());
    for (const v1::Item& item : request.candidates()) {
      out->candidates.push_back(item.item_id());
    }
  }
  return absl::OkStatus();
}

absl::Status RequestRunner::ScoreIds(const RankInputs& inputs,
                                     const ResponseWriter& writer,
                                     Times* times) const {
  const int64_t per_row = inputs.Get(InputId::kCandidateIds)->per_row();
  std::vector<float> scores(static_cast<size_t>(inputs.rows() * per_row),
                            std::numeric_limits<float>::quiet_NaN());
  const absl::Status status = ForEachRow(inputs.rows(), [&](int64_t row) {
    return ScoreRow(
        inputs, row,
        std::span(scores).subspan(static_cast<size_t>(row * per_row),
                                  static_cast<size_t>(per_row)));
  });
  times->compute_end = static_cast<uint64_t>(MonotonicNs());
  ATTUNE_RETURN_IF_ERROR(status);
  return writer.WriteCandidateScores(inputs.rows(), per_row, scores);
}

absl::Status RequestRunner::ScoreRow(const RankInputs& inputs, int64_t row,
                                     std::span<float> scores) const {
  const InputTensor& candidates = *inputs.Get(InputId::kCandidateIds);
  std::vector<std::string_view> ids(
      static_cast<size_t>(candidates.TextCount(row)));
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = candidates.Text(row, static_cast<int64_t>(i));
  }
  const RequestParameters& parameters = inputs.parameters();
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  if (parameters.without_state.value_or(false)) {
    options.flags = ATTUNE_RANK_WITHOUT_STATE;
  }
  options.now_ms = parameters.now_ms.value_or(0);
  options.deadline_ms = parameters.deadline_ms.value_or(0);
  if (const InputTensor* now = inputs.Get(InputId::kNowMs)) {
    options.now_ms = now->Number<int64_t>(row, 0);
  }
  if (const InputTensor* deadline = inputs.Get(InputId::kDeadlineMs)) {
    options.deadline_ms = deadline->Number<int64_t>(row, 0);
  }
  if (parameters.model.has_value()) {
    options.model = parameters.model->data();
    options.model_length = parameters.model->size();
  }
  const InputTensor* user = inputs.Get(InputId::kUserId);
  return engine_->RankIds(user != nullptr ? user->Text(row, 0) : "", ids,
                          options, scores.first(ids.size()));
}

}  // namespace attune::triton
