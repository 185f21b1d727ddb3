#include "engine/train/decoder_step.h"

#include <algorithm>
#include <cmath>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"

namespace attune {

void DecoderBatch::Clear() {
  groups.clear();
  item.clear();
  log_weight.clear();
  followed.clear();
  dense.clear();
}

absl::Status DecoderStep::EncodeRows(ExecutionContext& context,
                                     std::span<const float> values,
                                     ConstMatrixView x, const MatchBatch& batch,
                                     float dropout, Rng& rng, MatrixView memory,
                                     MatrixView user) const {
  Workspace::Scope scope(context.workspace);
  MatrixView input =
      context.workspace.ZeroMatrix(batch.rows(), network_.config().width);
  GatherAdd(x, batch.item, input);
  network_.history().EmbedInputs(values, batch.inputs(), input);
  HistoryEncoder::Saved saved;
  return network_.history().Forward(context, values, input, batch.block(),
                                    dropout, rng, saved, memory, user);
}

absl::Status DecoderStep::EncodeContexts(ExecutionContext& context,
                                         const DecoderBatch& batch,
                                         std::span<const float> values,
                                         Contexts& contexts) const {
  Workspace& workspace = context.workspace;
  const int64_t groups = static_cast<int64_t>(batch.groups.size());
  const int64_t width = network_.config().width;
  ItemBatch texts;
  bool any = false;
  contexts.text_row = workspace.Allocate<int32_t>(groups);
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const features::ContextFeatures* given = batch.groups[g].context;
    contexts.text_row[g] = -1;
    if (given == nullptr) continue;
    any = true;
    if (given->text_tokens.empty()) continue;
    contexts.text_row[g] = static_cast<int32_t>(texts.size());
    texts.Add(-1, given->text_tokens, {});
  }
  if (!any) return absl::OkStatus();
  contexts.text = workspace.Matrix(texts.size(), width);
  contexts.moved = workspace.ZeroMatrix(groups, width);
  if (texts.size() > 0) {
    Workspace::Scope scope(workspace);
    ATTUNE_RETURN_IF_ERROR(network_.items().Forward(context, values, texts,
                                                    contexts.text, nullptr));
  }
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const features::ContextFeatures* given = batch.groups[g].context;
    if (given == nullptr) continue;
    network_.decoder().ContextVector(
        values, given->tokens, contexts.TextOf(g),
        contexts.moved.row_span(static_cast<int64_t>(g)));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> DecoderStep::Run(ExecutionContext& context,
                                        const DecoderBatch& batch,
                                        const Inputs& inputs, Rng& rng,
                                        std::span<float> gradients) const {
  if (batch.groups.empty()) return 0.0;
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  const ModelConfig& config = network_.config();
  const CandidateDecoder& decoder = network_.decoder();
  const int64_t width = config.width;
  const int64_t candidates = static_cast<int64_t>(batch.item.size());
  const int64_t tasks = static_cast<int64_t>(config.tasks.size());

  // Every group has its own copy of the rows it sees, its context token last.
  int64_t memory_rows = 0;
  for (const DecoderGroup& group : batch.groups) {
    memory_rows += group.last_row - group.first_row + 2;
  }
  const bool timed = !inputs.key_time_ms.empty();
  MatrixView memory = workspace.Matrix(memory_rows, width);
  std::span<int64_t> key_times = workspace.Allocate<int64_t>(memory_rows);
  std::span<int64_t> query_times = workspace.Allocate<int64_t>(candidates);
  std::span<AttentionSequence> sequences =
      workspace.Allocate<AttentionSequence>(batch.groups.size());
  MatrixView x = workspace.ZeroMatrix(candidates, width);
  MatrixView user = workspace.Matrix(candidates, width);
  std::span<float> match = workspace.Allocate<float>(candidates);
  std::span<uint8_t> without_z = workspace.Allocate<uint8_t>(candidates);
  GatherAdd(inputs.x, batch.item, x);
  Contexts contexts;
  ATTUNE_RETURN_IF_ERROR(
      EncodeContexts(context, batch, inputs.values, contexts));
  const float match_scale =
      1.0f / (static_cast<float>(width) * config.temperature);
  int64_t at = 0;
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const DecoderGroup& group = batch.groups[g];
    const int64_t length = group.last_row - group.first_row + 1;
    sequences[g] = {group.begin, group.end - group.begin, at, length + 1};
    CopyRows(inputs.memory.rows_slice(group.first_row, length),
             memory.rows_slice(at, length));
    decoder.ContextToken(inputs.values, group.clock, group.user_tokens,
                         memory.row_span(at + length));
    const bool moved = !contexts.moved.empty();
    const ConstMatrixView move =
        moved ? contexts.moved.rows_slice(static_cast<int64_t>(g), 1)
              : MatrixView();
    if (moved) AddInto(move, memory.rows_slice(at + length, 1));
    for (int64_t i = 0; i < length; ++i) {
      key_times[at + i] = timed ? inputs.key_time_ms[group.first_row + i] : 0;
    }
    // As Scorer::Encode: it stands at the time of the request.
    if (group.start) key_times[at] = group.now_ms;
    key_times[at + length] = group.now_ms;
    at += length + 1;
    const bool drop_z = rng.Bernoulli(inputs.z_dropout);
    for (int64_t c = group.begin; c < group.end; ++c) {
      query_times[c] = group.now_ms;
      without_z[c] = drop_z;
      CopyRows(inputs.user.rows_slice(group.last_row, 1),
               user.rows_slice(c, 1));
      if (moved) AddInto(move, user.rows_slice(c, 1));
      float dot = 0;
      for (int64_t d = 0; d < width; ++d) dot += user(c, d) * x(c, d);
      match[c] = dot * match_scale;
    }
  }

  BlockContext block;
  block.sequences = sequences;
  if (timed) {
    block.query_time_ms = query_times;
    block.key_time_ms = key_times;
  }
  const bool with_decoder = decoder.blocks() > 0;
  CandidateDecoder::Saved decoder_saved;
  MatrixView z = workspace.ZeroMatrix(candidates, width);
  if (with_decoder) {
    ATTUNE_RETURN_IF_ERROR(decoder.Forward(context, inputs.values, x, memory,
                                           block, inputs.dropout, rng,
                                           decoder_saved, z));
  }
  for (int64_t c = 0; c < candidates; ++c) {
    if (without_z[c]) std::fill_n(z.row(c), width, 0.0f);
  }

  const FusionNetwork& fusion = network_.fusion();
  MatrixView fusion_input = workspace.Matrix(candidates, fusion.input_width());
  fusion.Concatenate(
      z, user, x,
      ConstMatrixView(batch.dense.data(), {candidates, config.dense_width}),
      fusion_input);
  MatrixView out = workspace.Matrix(candidates, tasks);
  MatrixView dout = workspace.ZeroMatrix(candidates, tasks);
  FusionNetwork::Saved fusion_saved;
  ATTUNE_RETURN_IF_ERROR(
      fusion.ForwardTraining(context, fusion_input, fusion_saved, out));
  const double loss =
      LossAndGradient(batch, inputs, match, out, dout, gradients);

  MatrixView dinput = workspace.Matrix(candidates, fusion.input_width());
  ATTUNE_RETURN_IF_ERROR(
      fusion.Backward(context, fusion_saved, dout, dinput, gradients));
  // What moves the user vector is read by the match term, by its product with
  // the items and by the context token.
  MatrixView dmoved;
  if (!contexts.moved.empty()) {
    const std::span<const float> scale =
        network_.layout().Vector(network_.task_scale(), inputs.values);
    dmoved = workspace.ZeroMatrix(contexts.moved.rows(), width);
    for (size_t g = 0; g < batch.groups.size(); ++g) {
      const DecoderGroup& group = batch.groups[g];
      if (group.context == nullptr) continue;
      float* const d_of = dmoved.row(static_cast<int64_t>(g));
      for (int64_t c = group.begin; c < group.end; ++c) {
        float dmatch = dout(c, 0);
        for (int64_t t = 1; t < tasks; ++t) dmatch += scale[t] * dout(c, t);
        dmatch *= match_scale;
        const float* const product = dinput.row(c) + width;
        for (int64_t d = 0; d < width; ++d) {
          d_of[d] += (dmatch + product[d]) * x(c, d);
        }
      }
    }
  }
  const auto finish_contexts = [&] {
    if (contexts.moved.empty()) return;
    for (size_t g = 0; g < batch.groups.size(); ++g) {
      const features::ContextFeatures* given = batch.groups[g].context;
      if (given == nullptr) continue;
      decoder.ContextVectorBackward(dmoved.row_span(static_cast<int64_t>(g)),
                                    given->tokens, contexts.TextOf(g),
                                    gradients);
    }
  };
  if (!with_decoder) {
    finish_contexts();
    return loss;
  }
  MatrixView dz = workspace.Matrix(candidates, width);
  for (int64_t c = 0; c < candidates; ++c) {
    if (without_z[c]) {
      std::fill_n(dz.row(c), width, 0.0f);
    } else {
      std::copy_n(dinput.row(c), width, dz.row(c));
    }
  }
  MatrixView dx = workspace.ZeroMatrix(candidates, width);
  MatrixView dmemory = workspace.ZeroMatrix(memory_rows, width);
  ATTUNE_RETURN_IF_ERROR(decoder.Backward(context, inputs.values, decoder_saved,
                                          block, dz, dx, dmemory, gradients));
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const int64_t token = sequences[g].key_begin + sequences[g].key_count - 1;
    decoder.ContextTokenBackward(dmemory.row_span(token), batch.groups[g].clock,
                                 batch.groups[g].user_tokens, gradients);
    if (batch.groups[g].context != nullptr) {
      AddInto(dmemory.rows_slice(token, 1),
              dmoved.rows_slice(static_cast<int64_t>(g), 1));
    }
  }
  finish_contexts();
  return loss;
}

double DecoderStep::LossAndGradient(const DecoderBatch& batch,
                                    const Inputs& inputs,
                                    std::span<const float> match,
                                    ConstMatrixView out, MatrixView dout,
                                    std::span<float> gradients) const {
  const ParameterLayout& layout = network_.layout();
  std::span<const float> scale =
      layout.Vector(network_.task_scale(), inputs.values);
  std::span<const float> bias =
      layout.Vector(network_.task_bias(), inputs.values);
  std::span<float> dscale = layout.Vector(network_.task_scale(), gradients);
  std::span<float> dbias = layout.Vector(network_.task_bias(), gradients);
  double loss = 0;
  for (const DecoderGroup& group : batch.groups) {
    if (!group.impression) {
      auto logit = [&](int64_t c) {
        return match[c] + out(c, 0) + batch.log_weight[c];
      };
      const float scale_of_group = inputs.next_scale * group.weight;
      float highest = logit(group.begin);
      for (int64_t c = group.begin; c < group.end; ++c) {
        highest = std::max(highest, logit(c));
      }
      double sum = 0;
      for (int64_t c = group.begin; c < group.end; ++c) {
        sum += std::exp(logit(c) - highest);
      }
      loss += scale_of_group * (std::log(sum) + highest - logit(group.begin));
      for (int64_t c = group.begin; c < group.end; ++c) {
        const double p = std::exp(logit(c) - highest) / sum;
        dout(c, 0) =
            static_cast<float>(p - (c == group.begin ? 1 : 0)) * scale_of_group;
      }
      continue;
    }
    for (int64_t c = group.begin; c < group.end; ++c) {
      for (int64_t t = 1; t < out.cols(); ++t) {
        const float logit = scale[t] * match[c] + bias[t] + out(c, t);
        const float label = (batch.followed[c] >> (t - 1)) & 1u ? 1.0f : 0.0f;
        // log(1 + e^-|l|) + max(l, 0) - l·label, without overflow.
        loss +=
            inputs.impression_scale * (std::log1p(std::exp(-std::abs(logit))) +
                                       std::max(logit, 0.0f) - logit * label);
        const float p = 1.0f / (1.0f + std::exp(-logit));
        const float d = (p - label) * inputs.impression_scale;
        dout(c, t) = d;
        dscale[t] += d * match[c];
        dbias[t] += d;
      }
    }
  }
  return loss;
}

}  // namespace attune
