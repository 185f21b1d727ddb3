// Ranking: see attune.h for what each function promises.
#include <chrono>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "plugins/c_abi/arguments.h"
#include "plugins/c_abi/attune.h"
#include "plugins/c_abi/entry.h"
#include "plugins/c_abi/message.h"
#include "plugins/c_abi/rank_batch.h"
#include "plugins/c_abi/result_buffer.h"
#include "plugins/c_abi/struct_size.h"

namespace attune {
namespace {

/// The caller's options, absent ones as defaults.
absl::StatusOr<attune_call_options> ReadCallOptions(
    const attune_call_options* theirs) {
  attune_call_options options;
  ATTUNE_RETURN_IF_ERROR(ReadOptions(theirs, "attune_call_options", &options));
  ATTUNE_RETURN_IF_ERROR(
      CheckFlags(options.flags, 0, "attune_call_options.flags"));
  return options;
}

absl::StatusOr<RankIdsOptions> ReadRankIdsOptions(
    const attune_rank_ids_options* theirs) {
  attune_rank_ids_options given;
  ATTUNE_RETURN_IF_ERROR(
      ReadOptions(theirs, "attune_rank_ids_options", &given));
  ATTUNE_RETURN_IF_ERROR(CheckFlags(given.flags, ATTUNE_RANK_WITHOUT_STATE,
                                    "attune_rank_ids_options.flags"));
  if (given.now_ms < 0 || given.deadline_ms < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("now_ms is ", given.now_ms, " and deadline_ms ",
                     given.deadline_ms, ": neither may be negative"));
  }
  RankIdsOptions options;
  ATTUNE_ASSIGN_OR_RETURN(options.model,
                          ReadText(given.model, given.model_length, "model"));
  ATTUNE_RETURN_IF_ERROR(CheckCancelFlag(given.cancel));
  options.now_ms = given.now_ms;
  options.deadline_ms = given.deadline_ms;
  options.without_state = (given.flags & ATTUNE_RANK_WITHOUT_STATE) != 0;
  options.cancelled = CancelFlag::OfWord(given.cancel);
  options.degraded = given.degraded;
  return options;
}

/// On the stack for as many candidates as most requests have.
using IdViews = absl::InlinedVector<std::string_view, 512>;

absl::Status ReadIds(const char* const* ids, const size_t* id_lengths,
                     size_t count, IdViews& views) {
  if (count > kMaxRankIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "count is ", count, ", at most ", kMaxRankIds, " are taken"));
  }
  if (count > 0 && (ids == nullptr || id_lengths == nullptr)) {
    return absl::InvalidArgumentError(absl::StrCat(
        ids == nullptr ? "ids" : "id_lengths", " is NULL, count is ", count));
  }
  views.resize(count);
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    total += id_lengths[i];
    if ((ids[i] == nullptr && id_lengths[i] > 0) ||
        id_lengths[i] > kMaxInputBytes || total > kMaxInputBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ids[", i, "]: ", ids[i] == nullptr ? "NULL with length " : "length ",
          id_lengths[i], ", sum ", total, ", limit ", kMaxInputBytes));
    }
    views[i] = std::string_view(ids[i], id_lengths[i]);
    if (!IsUtf8(views[i])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ids[", i, "]: no UTF-8 in its ", id_lengths[i], " bytes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace attune

using namespace attune;  // NOLINT: the functions below are C's

extern "C" {

int attune_rank(attune_engine* engine, const void* request, size_t request_size,
                const attune_call_options* options, attune_buffer* response,
                attune_error* error) {
  const auto begin = std::chrono::steady_clock::now();
  return SessionEntry(engine, error, [&](Session& open) -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(CheckResultBuffer(response, "response"));
    ATTUNE_ASSIGN_OR_RETURN(const attune_call_options call,
                            ReadCallOptions(options));
    CallOptions settings;
    settings.begin = begin;
    settings.cancelled = CancelFlag::OfWord(call.cancel);
    ScratchPool<RankMessages>::Lease messages(open.rank_messages());
    messages->bytes += request_size;
    ATTUNE_RETURN_IF_ERROR(
        ParseMessageInto(request, request_size, kRankRequestWire,
                         settings.cancelled, &messages->request));
    ATTUNE_RETURN_IF_ERROR(CheckCancelFlag(call.cancel));
    ATTUNE_RETURN_IF_ERROR(open.engine().RankInto(messages->request, settings,
                                                  &messages->response));
    ATTUNE_RETURN_IF_ERROR(FillBuffer(messages->response, response));
    messages->bytes += response->size;
    return absl::OkStatus();
  });
}

int attune_rank_batch(attune_engine* engine, const void* request,
                      size_t request_size, const attune_call_options* options,
                      attune_buffer* response, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(CheckResultBuffer(response, "response"));
    ATTUNE_ASSIGN_OR_RETURN(const attune_call_options call,
                            ReadCallOptions(options));
    const CancelFlag cancelled = CancelFlag::OfWord(call.cancel);
    ATTUNE_ASSIGN_OR_RETURN(
        const auto message,
        ParseMessage<v1::RankBatchRequest>(request, request_size,
                                           kRankBatchRequestWire, cancelled));
    ATTUNE_ASSIGN_OR_RETURN(const std::string answer,
                            RankBatch(open, message, cancelled));
    return FillBuffer(answer, response);
  });
}

int attune_rank_ids(attune_engine* engine, const char* user_id,
                    size_t user_id_length, const char* const* ids,
                    const size_t* id_lengths, size_t count, float* scores,
                    const attune_rank_ids_options* options,
                    attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view user,
                            ReadText(user_id, user_id_length, "user_id"));
    IdViews views;
    ATTUNE_RETURN_IF_ERROR(ReadIds(ids, id_lengths, count, views));
    ATTUNE_ASSIGN_OR_RETURN(const RankIdsOptions call,
                            ReadRankIdsOptions(options));
    if (call.degraded != nullptr) *call.degraded = 0;
    if (count > 0 && scores == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("scores is NULL, count is ", count));
    }
    return open.RankIds(user, views, {scores, count}, call);
  });
}

}  // extern "C"
