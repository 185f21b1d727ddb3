#include "engine/model/scorer.h"

#include <algorithm>
#include <cstring>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {

absl::Status Scorer::EncodeItems(ExecutionContext& context,
                                 const ItemBatch& batch, MatrixView x,
                                 MatrixView q) const {
  Workspace::Scope scope(context.workspace);
  ATTUNE_RETURN_IF_ERROR(
      network_.items().Forward(context, values_, batch, x, nullptr));
  return network_.decoder().ProjectItems(context, values_, x, q);
}

absl::Status Scorer::EncodeText(ExecutionContext& context,
                                std::span<const int32_t> text_tokens,
                                std::span<float> x) const {
  Workspace::Scope scope(context.workspace);
  ItemBatch batch;
  batch.Add(-1, text_tokens, {});
  return network_.items().Forward(
      context, values_, batch,
      MatrixView(x.data(), {1, static_cast<int64_t>(x.size())}), nullptr);
}

absl::StatusOr<Scorer::Encoded> Scorer::Encode(
    ExecutionContext& context, UserState& state,
    std::span<const WindowEvent> events, ConstMatrixView new_x,
    const RequestContext& request, std::span<float> user) const {
  const ModelConfig& config = network_.config();
  const HistoryEncoder& history = network_.history();
  const CandidateDecoder& decoder = network_.decoder();
  Workspace& workspace = context.workspace;
  const int64_t length = static_cast<int64_t>(events.size());
  const int64_t kept = state.final_rows();
  if (length > config.window || kept > std::max<int64_t>(length - 1, 0)) {
    return absl::InternalError(StrCat("window of ", length,
                                      " events, model takes ", config.window,
                                      ", state holds ", kept, " rows"));
  }

  // Row i asks at the time of event i + 1, the newest one at the request's
  // time. An event without a time stands at the time of the one before it.
  const int64_t rows = std::max<int64_t>(length, 1);
  const bool timed = config.use_time && request.has_time;
  std::span<int64_t> times = workspace.Allocate<int64_t>(rows + 1);
  int64_t last = 0;
  for (int64_t i = 0; i < length; ++i) {
    if (events[i].has_time) last = events[i].time_ms;
    times[i] = last;
  }
  if (length == 0) times[0] = request.now_ms;
  times[rows] = request.now_ms;

  const int64_t fresh = rows - kept;
  MatrixView input = workspace.Matrix(fresh, config.width);
  std::span<int32_t> action = workspace.Allocate<int32_t>(fresh);
  std::span<int32_t> gap = workspace.Allocate<int32_t>(fresh);
  std::span<uint8_t> is_start = workspace.Allocate<uint8_t>(fresh);
  for (int64_t i = 0; i < fresh; ++i) {
    const int64_t row = kept + i;
    is_start[i] = length == 0;
    if (length == 0) {
      action[i] = -1;
      gap[i] = 0;
      continue;
    }
    std::memcpy(input.row(i), new_x.row(i), sizeof(float) * config.width);
    action[i] = events[row].action;
    gap[i] = history.GapBucket(times[row], times[row + 1],
                               timed && events[row].has_time);
  }
  history.EmbedInputs(values_, {action, gap, is_start}, input);

  MatrixView memory = workspace.Matrix(fresh, config.width);
  std::span<const int64_t> query_times, key_times;
  if (timed) {
    query_times = times.subspan(kept + 1, fresh);
    key_times = times.first(rows);
  }
  ATTUNE_RETURN_IF_ERROR(history.Append(
      context, values_, input, state.encoder(), kept, query_times, key_times,
      memory, {user.data(), {1, config.width}}));
  ATTUNE_RETURN_IF_ERROR(
      decoder.AppendMemory(context, memory, state.decoder(), kept));

  MatrixView token = workspace.Matrix(1, config.width);
  decoder.ContextToken(values_, request.clock, request.user_tokens,
                       token.row_span(0));
  std::span<float> moved;
  if (!request.context_tokens.empty() || !request.context_text.empty()) {
    // At the end, so that no kept row depends on it.
    moved = workspace.Allocate<float>(config.width);
    decoder.ContextVector(values_, request.context_tokens, request.context_text,
                          moved);
    AddInto(ConstMatrixView(moved.data(), {1, config.width}), token);
  }
  ATTUNE_RETURN_IF_ERROR(
      decoder.AppendMemory(context, token, state.decoder(), rows));
  state.set_final_rows(std::max<int64_t>(length - 1, 0));

  Encoded encoded;
  encoded.memory_rows = rows + 1;
  encoded.now_ms = request.now_ms;
  encoded.context = moved;
  if (timed) encoded.key_time_ms = times;  // the context token's time is now
  return encoded;
}

void Scorer::Match(std::span<const float> user, ConstMatrixView x,
                   std::span<float> match) const {
  const int64_t width = network_.config().width;
  const float scale =
      1.0f / (static_cast<float>(width) * network_.config().temperature);
  for (int64_t c = 0; c < x.rows(); ++c) {
    const float* row = x.row(c);
    // Eight fixed partial sums: vectorises, and gives the same bits whatever
    // the company.
    float partial[8] = {};
    int64_t d = 0;
    for (; d + 8 <= width; d += 8) {
      for (int lane = 0; lane < 8; ++lane) {
        partial[lane] += user[d + lane] * row[d + lane];
      }
    }
    for (; d < width; ++d) partial[0] += user[d] * row[d];
    float sum = 0;
    for (float value : partial) sum += value;
    match[c] = sum * scale;
  }
}

void Scorer::AddContextMatch(const Encoded& encoded, ConstMatrixView x,
                             FusionMode mode, MatrixView fusion) const {
  if (encoded.context.empty() || mode == FusionMode::kNone) return;
  std::span<const float> scale =
      network_.layout().Vector(network_.task_scale(), values_);
  for (int64_t c = 0; c < x.rows(); ++c) {
    float match = 0;
    Match(encoded.context, x.rows_slice(c, 1), {&match, 1});
    fusion(c, 0) += match;
    for (int64_t t = 1; t < fusion.cols(); ++t) {
      fusion(c, t) += scale[t] * match;
    }
  }
}

void Scorer::SearchVector(const Encoded& encoded, std::span<const float> user,
                          std::span<float> out) const {
  std::copy(user.begin(), user.end(), out.begin());
  if (encoded.context.empty() ||
      network_.config().fusion_mode == FusionMode::kNone) {
    return;
  }
  const float weight = network_.config().fusion_weight;
  for (size_t d = 0; d < out.size(); ++d) {
    out[d] += weight * encoded.context[d];
  }
}

absl::Status Scorer::Fuse(ExecutionContext& context, const UserState& state,
                          const Encoded& encoded, std::span<const float> user,
                          const CandidateInput& candidates, FusionMode mode,
                          MatrixView fusion) const {
  if (mode == FusionMode::kNone) {
    for (int64_t c = 0; c < fusion.rows(); ++c) {
      std::fill_n(fusion.row(c), fusion.cols(), 0.0f);
    }
    return absl::OkStatus();
  }
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  const int64_t count = candidates.x.rows();
  MatrixView z;
  if (mode == FusionMode::kFull && network_.decoder().blocks() > 0) {
    z = workspace.Matrix(count, network_.config().width);
    std::span<const int64_t> query_times;
    if (!encoded.key_time_ms.empty()) {
      std::span<int64_t> times = workspace.Allocate<int64_t>(count);
      std::fill(times.begin(), times.end(), encoded.now_ms);
      query_times = times;
    }
    ATTUNE_RETURN_IF_ERROR(network_.decoder().Decode(
        context, values_, candidates.x, candidates.q, state.decoder(),
        encoded.memory_rows, query_times, encoded.key_time_ms, z));
    context.stages.Lap(Stage::kDecode);
  }
  std::span<const float> moved = user;
  if (!encoded.context.empty()) {
    const std::span<float> sum = workspace.Allocate<float>(user.size());
    for (size_t d = 0; d < sum.size(); ++d) {
      sum[d] = user[d] + encoded.context[d];
    }
    moved = sum;
  }
  MatrixView input = workspace.Matrix(count, network_.fusion().input_width());
  network_.fusion().Concatenate(
      z, ConstMatrixView(moved.data(), {1, static_cast<int64_t>(moved.size())}),
      candidates.x, candidates.dense, input);
  ATTUNE_RETURN_IF_ERROR(network_.fusion().Forward(context, input, fusion));
  AddContextMatch(encoded, candidates.x, mode, fusion);
  return absl::OkStatus();
}

void Scorer::Logits(std::span<const float> match, ConstMatrixView fusion,
                    MatrixView logits) const {
  const ParameterLayout& layout = network_.layout();
  std::span<const float> scale = layout.Vector(network_.task_scale(), values_);
  std::span<const float> bias = layout.Vector(network_.task_bias(), values_);
  const float weight = network_.config().fusion_weight;
  for (int64_t c = 0; c < logits.cols(); ++c) {
    logits(0, c) = match[c] + weight * fusion(c, 0);
    for (int64_t t = 1; t < logits.rows(); ++t) {
      logits(t, c) = scale[t] * match[c] + bias[t] + fusion(c, t);
    }
  }
}

absl::Status Scorer::Attention(ExecutionContext& context,
                               const UserState& state, const Encoded& encoded,
                               ConstMatrixView q, MatrixView weights) const {
  Workspace::Scope scope(context.workspace);
  MatrixView all = context.workspace.Matrix(q.rows(), encoded.memory_rows);
  std::span<const int64_t> query_times;
  if (!encoded.key_time_ms.empty()) {
    std::span<int64_t> times = context.workspace.Allocate<int64_t>(q.rows());
    std::fill(times.begin(), times.end(), encoded.now_ms);
    query_times = times;
  }
  ATTUNE_RETURN_IF_ERROR(network_.decoder().Weights(
      context, values_, q, state.decoder(), encoded.memory_rows, query_times,
      encoded.key_time_ms, all));
  for (int64_t c = 0; c < q.rows(); ++c) {
    std::copy_n(all.row(c), weights.cols(), weights.row(c));
  }
  return absl::OkStatus();
}

}  // namespace attune
