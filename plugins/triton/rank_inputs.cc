#include "plugins/triton/rank_inputs.h"

#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/record_json.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

absl::Status Bad(InputId id, std::string_view what) {
  return absl::InvalidArgumentError(
      StrCat("input ", SpecOf(id).name, ": ", what));
}

template <typename Field>
void CopyTexts(const InputTensor* tensor, int64_t row, Field* field) {
  if (tensor == nullptr) return;
  const int64_t count = tensor->TextCount(row);
  field->Reserve(static_cast<int>(count));
  for (int64_t i = 0; i < count; ++i) {
    const std::string_view text = tensor->Text(row, i);
    field->Add()->assign(text.data(), text.size());
  }
}

template <typename Field>
absl::Status ParseItems(const InputTensor* tensor, InputId id, int64_t row,
                        Field* items) {
  if (tensor == nullptr) return absl::OkStatus();
  for (int64_t i = 0; i < tensor->TextCount(row); ++i) {
    const absl::Status status =
        ParseItemJson(tensor->Text(row, i), items->Add());
    if (!status.ok()) {
      return Bad(id, StrCat("value ", i, " ", ToStd(status.message())));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RankInputs> RankInputs::Read(TRITONBACKEND_Request* request,
                                            bool batched) {
  RankInputs inputs;
  const char* request_id = nullptr;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_RequestId(request, &request_id)));
  if (request_id != nullptr) inputs.id_ = request_id;
  ATTUNE_ASSIGN_OR_RETURN(inputs.parameters_, RequestParameters::Read(request));
  uint32_t count = 0;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_RequestInputCount(request, &count)));
  if (count == 0) return absl::InvalidArgumentError("the request has no input");
  for (uint32_t i = 0; i < count; ++i) {
    TRITONBACKEND_Input* input = nullptr;
    ATTUNE_RETURN_IF_ERROR(
        FromTriton(TRITONBACKEND_RequestInputByIndex(request, i, &input)));
    const char* name = nullptr;
    ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_InputProperties(
        input, &name, nullptr, nullptr, nullptr, nullptr, nullptr)));
    const std::optional<InputId> id = FindInput(name);
    if (!id.has_value()) {
      return absl::InvalidArgumentError(
          StrCat("input \"", name, "\" is unknown"));
    }
    ATTUNE_ASSIGN_OR_RETURN(InputTensor tensor,
                            InputTensor::Read(input, *id, batched));
    if (i > 0 && tensor.rows() != inputs.rows_) {
      return Bad(*id, StrCat(tensor.rows(), " rows, another input has ",
                             inputs.rows_));
    }
    inputs.rows_ = tensor.rows();
    inputs.tensors_[static_cast<size_t>(*id)] = std::move(tensor);
  }
  ATTUNE_RETURN_IF_ERROR(inputs.CheckTogether());
  return inputs;
}

absl::Status RankInputs::CheckTogether() const {
  if (!HasMessage()) return absl::OkStatus();
  for (size_t i = 0; i < kInputCount; ++i) {
    const InputId id = static_cast<InputId>(i);
    if (id != InputId::kRequest && Get(id) != nullptr) {
      return Bad(id, "not beside REQUEST, which says everything");
    }
  }
  return absl::OkStatus();
}

bool RankInputs::OnlyIds() const {
  for (size_t i = 0; i < kInputCount; ++i) {
    const InputId id = static_cast<InputId>(i);
    const bool known = id == InputId::kUserId || id == InputId::kCandidateIds ||
                       id == InputId::kNowMs || id == InputId::kDeadlineMs;
    if (!known && Get(id) != nullptr) return false;
  }
  return Get(InputId::kCandidateIds) != nullptr && !parameters_.k.has_value() &&
         !parameters_.NeedsRanking();
}

absl::StatusOr<v1::RankRequest> RankInputs::RequestOf(
    int64_t row, const RankDefaults& defaults) const {
  v1::RankRequest request;
  if (const InputTensor* message = Get(InputId::kRequest)) {
    const std::string_view bytes = message->Text(row, 0);
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Bad(InputId::kRequest, "is no attune.v1.RankRequest");
    }
    return request;
  }
  request.set_k(defaults.k);
  request.set_explain(defaults.explain);
  request.set_request_id(id_);
  if (const InputTensor* user = Get(InputId::kUserId)) {
    const std::string_view text = user->Text(row, 0);
    request.mutable_user_id()->assign(text.data(), text.size());
  }
  CopyTexts(Get(InputId::kCandidateIds), row, request.mutable_candidate_ids());
  ATTUNE_RETURN_IF_ERROR(ParseItems(Get(InputId::kCandidates),
                                    InputId::kCandidates, row,
                                    request.mutable_candidates()));
  ATTUNE_RETURN_IF_ERROR(AddHistory(row, &request));
  if (const InputTensor* user = Get(InputId::kUserFeatures);
      user != nullptr && !user->Text(row, 0).empty()) {
    const absl::Status status =
        ParseUserJson(user->Text(row, 0), request.mutable_inline_user());
    if (!status.ok()) {
      return Bad(InputId::kUserFeatures, ToStd(status.message()));
    }
  }
  if (const InputTensor* context = Get(InputId::kContext);
      context != nullptr && !context->Text(row, 0).empty()) {
    const absl::Status status =
        ParseContextJson(context->Text(row, 0), request.mutable_context());
    if (!status.ok()) return Bad(InputId::kContext, ToStd(status.message()));
  }
  if (const InputTensor* ids = Get(InputId::kExcludeIds)) {
    CopyTexts(ids, row, request.mutable_policy()->mutable_exclude_ids());
  }
  if (const InputTensor* names = Get(InputId::kRequireCategories)) {
    CopyTexts(names, row,
              request.mutable_policy()->mutable_require_categories());
  }
  if (const InputTensor* names = Get(InputId::kExcludeCategories)) {
    CopyTexts(names, row,
              request.mutable_policy()->mutable_exclude_categories());
  }
  // A tensor is of its row and wins over a parameter, which is of all rows.
  ATTUNE_RETURN_IF_ERROR(parameters_.Apply(&request));
  if (const InputTensor* k = Get(InputId::kK)) {
    ATTUNE_ASSIGN_OR_RETURN(const uint32_t checked,
                            CheckedK(k->Number<int32_t>(row, 0)));
    request.set_k(checked);
  }
  if (const InputTensor* explain = Get(InputId::kExplain)) {
    request.set_explain(explain->Number<uint8_t>(row, 0) != 0);
  }
  if (const InputTensor* now = Get(InputId::kNowMs)) {
    request.set_now_ms(now->Number<int64_t>(row, 0));
  }
  if (const InputTensor* deadline = Get(InputId::kDeadlineMs)) {
    request.set_deadline_ms(deadline->Number<int64_t>(row, 0));
  }
  return request;
}

absl::Status RankInputs::AddHistory(int64_t row, v1::RankRequest* out) const {
  const InputTensor* ids = Get(InputId::kHistoryIds);
  const InputTensor* actions = Get(InputId::kHistoryActions);
  const InputTensor* times = Get(InputId::kHistoryTimesMs);
  const InputTensor* items = Get(InputId::kHistoryItems);
  if (ids == nullptr) {
    for (const InputId id : {InputId::kHistoryActions, InputId::kHistoryTimesMs,
                             InputId::kHistoryItems}) {
      if (Get(id) != nullptr) return Bad(id, "there are no HISTORY_IDS");
    }
    return absl::OkStatus();
  }
  if (actions == nullptr) {
    return Bad(InputId::kHistoryIds, "there are no HISTORY_ACTIONS");
  }
  // Padding of a batch is the same in all three, so that whole rows compare.
  for (const auto& [tensor, id] :
       {std::pair(actions, InputId::kHistoryActions),
        std::pair(times, InputId::kHistoryTimesMs)}) {
    if (tensor != nullptr && tensor->per_row() != ids->per_row()) {
      return Bad(id, StrCat(tensor->per_row(), " values, HISTORY_IDS has ",
                            ids->per_row()));
    }
  }
  v1::History& history = *out->mutable_inline_history();
  const int64_t count = ids->TextCount(row);
  for (int64_t i = 0; i < count; ++i) {
    v1::HistoryEvent& event = *history.add_events();
    event.set_item_id(std::string(ids->Text(row, i)));
    event.set_action(std::string(actions->Text(row, i)));
    event.set_has_time(times != nullptr);
    event.set_sort_key(times != nullptr ? times->Number<int64_t>(row, i) : i);
  }
  history.set_count(count);
  return ParseItems(items, InputId::kHistoryItems, row,
                    out->mutable_history_items());
}

}  // namespace attune::triton
