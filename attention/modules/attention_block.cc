#include "attention/modules/attention_block.h"

#include <algorithm>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"

namespace attune {
namespace {

LinearSpec Spec(int64_t in, int64_t out,
                ActivationKind activation = ActivationKind::kNone) {
  LinearSpec spec;
  spec.in = in;
  spec.out = out;
  spec.activation = activation;
  return spec;
}

// Rows of a block in inference; a multiple of the products' 12 rows.
constexpr int64_t kBlockRows = 96;

// Rows of a power of two of floats would share a few sets of the cache.
MatrixView PaddedMatrix(Workspace& workspace, int64_t rows, int64_t cols) {
  const int64_t stride = (cols + 15) / 16 * 16 + 16;
  return MatrixView(workspace.Allocate<float>(rows * stride).data(),
                    {rows, cols}, {stride, 1});
}

}  // namespace

AttentionBlock::AttentionBlock(ParameterLayout& layout, const std::string& name,
                               const AttentionBlockConfig& config)
    : layout_(&layout),
      config_(config),
      query_norm_(layout, name + ".query_norm", config.width),
      query_(layout, name + ".query", Spec(config.width, config.width)),
      key_(layout, name + ".key", Spec(config.width, config.width)),
      value_(layout, name + ".value", Spec(config.width, config.width)),
      output_(layout, name + ".output", Spec(config.width, config.width)),
      middle_norm_(layout, name + ".middle_norm", config.width),
      expand_(
          layout, name + ".expand",
          Spec(config.width, config.feed_forward, ActivationKind::kGeluTanh)),
      contract_(layout, name + ".contract",
                Spec(config.feed_forward, config.width)) {
  if (config.relative_positions > 0) {
    position_bias_ =
        layout.Add(name + ".position_bias", config.heads,
                   config.relative_positions, Initializer::kZeros, 0,
                   /*decay=*/false);
  }
  if (config.time_buckets > 0) {
    time_bias_ = layout.Add(name + ".time_bias", config.heads,
                            config.time_buckets, Initializer::kZeros, 0,
                            /*decay=*/false);
  }
}

absl::Status AttentionBlock::Prepare(const Backend& backend,
                                     Precision precision, bool training) {
  ATTUNE_RETURN_IF_ERROR(query_norm_.Prepare(backend));
  ATTUNE_RETURN_IF_ERROR(middle_norm_.Prepare(backend));
  for (LinearLayer* layer :
       {&query_, &key_, &value_, &output_, &expand_, &contract_}) {
    ATTUNE_RETURN_IF_ERROR(layer->Prepare(backend, precision, training));
  }
  AttentionSpec spec;
  spec.heads = config_.heads;
  spec.head_width = config_.width / config_.heads;
  spec.relative_positions = config_.relative_positions;
  spec.time_buckets = config_.time_buckets;
  spec.precision = precision;
  ATTUNE_ASSIGN_OR_RETURN(attention_, backend.CreateAttention(spec));
  ATTUNE_ASSIGN_OR_RETURN(gelu_,
                          backend.CreateActivation(ActivationKind::kGeluTanh));
  return absl::OkStatus();
}

absl::Status AttentionBlock::SetWeights(std::span<const float> values) {
  for (LinearLayer* layer :
       {&query_, &key_, &value_, &output_, &expand_, &contract_}) {
    ATTUNE_RETURN_IF_ERROR(layer->SetWeights(values));
  }
  return absl::OkStatus();
}

AttentionInput AttentionBlock::Input(std::span<const float> values,
                                     ConstMatrixView q, ConstMatrixView k,
                                     ConstMatrixView v,
                                     const BlockContext& block) const {
  AttentionInput input;
  input.q = q;
  input.k = k;
  input.v = v;
  input.sequences = block.sequences;
  input.visible = block.visible;
  if (position_bias_ >= 0) {
    input.position_bias = layout_->Matrix(position_bias_, values);
  }
  if (time_bias_ >= 0 && !block.query_time_ms.empty()) {
    input.time_bias = layout_->Matrix(time_bias_, values);
    input.query_time_ms = block.query_time_ms;
    input.key_time_ms = block.key_time_ms;
  }
  return input;
}

absl::Status AttentionBlock::ProjectQuery(ExecutionContext& context,
                                          std::span<const float> values,
                                          ConstMatrixView x,
                                          MatrixView q) const {
  Workspace::Scope scope(context.workspace);
  MatrixView normed = context.workspace.Matrix(x.rows(), x.cols());
  query_norm_.Forward(context, values, x, normed);
  return query_.Forward(context, normed, q);
}

absl::Status AttentionBlock::ProjectMemory(ExecutionContext& context,
                                           ConstMatrixView memory, MatrixView k,
                                           MatrixView v) const {
  ATTUNE_RETURN_IF_ERROR(key_.Forward(context, memory, k));
  return value_.Forward(context, memory, v);
}

absl::Status AttentionBlock::AppendMemory(ExecutionContext& context,
                                          ConstMatrixView memory,
                                          const KeyValueView& kept,
                                          int64_t at) const {
  if (kept.precision() == Precision::kF32) {
    return ProjectMemory(context, memory, kept.k(at, memory.rows()),
                         kept.v(at, memory.rows()));
  }
  for (int64_t begin = 0; begin < memory.rows(); begin += kBlockRows) {
    Workspace::Scope scope(context.workspace);
    const int64_t rows = std::min(kBlockRows, memory.rows() - begin);
    const MatrixView k = context.workspace.Matrix(rows, config_.width);
    const MatrixView v = context.workspace.Matrix(rows, config_.width);
    ATTUNE_RETURN_IF_ERROR(
        ProjectMemory(context, memory.rows_slice(begin, rows), k, v));
    kept.Write(at + begin, k, v);
  }
  return absl::OkStatus();
}

absl::Status AttentionBlock::AttendToKept(
    ExecutionContext& context, std::span<const float> values, ConstMatrixView q,
    const KeyValueView& kept, int64_t count, const BlockContext& block,
    MatrixView attended) const {
  if (kept.precision() == Precision::kF32) {
    return attention_->Forward(
        context, Input(values, q, kept.k(0, count), kept.v(0, count), block),
        attended);
  }
  // Only the shape counts.
  const ConstMatrixView rows(nullptr, {count, config_.width});
  return attention_->ForwardKept(context, Input(values, q, rows, rows, block),
                                 kept, attended);
}

absl::Status AttentionBlock::FinishInference(ExecutionContext& context,
                                             std::span<const float> values,
                                             ConstMatrixView x,
                                             ConstMatrixView attended,
                                             MatrixView y) const {
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  // All of it for some rows at a time, whose hidden layer then stays in the
  // second-level cache.
  const int64_t block = std::min(kBlockRows, x.rows());
  MatrixView normed = workspace.Matrix(block, config_.width);
  MatrixView hidden = PaddedMatrix(workspace, block, config_.feed_forward);
  for (int64_t begin = 0; begin < x.rows(); begin += block) {
    const int64_t rows = std::min(block, x.rows() - begin);
    const MatrixView out = y.rows_slice(begin, rows);
    const MatrixView norm = normed.rows_slice(0, rows);
    const MatrixView wide = hidden.rows_slice(0, rows);
    ATTUNE_RETURN_IF_ERROR(output_.Forward(context,
                                           attended.rows_slice(begin, rows),
                                           out, x.rows_slice(begin, rows)));
    middle_norm_.Forward(context, values, out, norm);
    ATTUNE_RETURN_IF_ERROR(expand_.Forward(context, norm, wide));
    ATTUNE_RETURN_IF_ERROR(contract_.Forward(context, wide, out, out));
  }
  return absl::OkStatus();
}

absl::Status AttentionBlock::AppendRows(
    ExecutionContext& context, std::span<const float> values, ConstMatrixView x,
    const KeyValueView& cache, int64_t count,
    std::span<const int64_t> query_time_ms,
    std::span<const int64_t> key_time_ms, MatrixView y) const {
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  const int64_t rows = x.rows();
  MatrixView normed = workspace.Matrix(rows, config_.width);
  query_norm_.Forward(context, values, x, normed);
  MatrixView q = workspace.Matrix(rows, config_.width);
  ATTUNE_RETURN_IF_ERROR(query_.Forward(context, normed, q));
  ATTUNE_RETURN_IF_ERROR(AppendMemory(context, normed, cache, count));
  std::span<int32_t> visible = workspace.Allocate<int32_t>(rows);
  for (int64_t i = 0; i < rows; ++i) {
    visible[i] = static_cast<int32_t>(count + i + 1);
  }
  const AttentionSequence sequence{0, rows, 0, count + rows};
  MatrixView attended = workspace.Matrix(rows, config_.width);
  ATTUNE_RETURN_IF_ERROR(AttendToKept(
      context, values, q, cache, count + rows,
      {{&sequence, 1}, visible, query_time_ms, key_time_ms}, attended));
  return FinishInference(context, values, x, attended, y);
}

absl::Status AttentionBlock::Decode(ExecutionContext& context,
                                    std::span<const float> values,
                                    ConstMatrixView x, ConstMatrixView q,
                                    const KeyValueView& memory, int64_t count,
                                    std::span<const int64_t> query_time_ms,
                                    std::span<const int64_t> key_time_ms,
                                    MatrixView y) const {
  Workspace::Scope scope(context.workspace);
  const AttentionSequence sequence{0, x.rows(), 0, count};
  MatrixView attended = context.workspace.Matrix(x.rows(), config_.width);
  ATTUNE_RETURN_IF_ERROR(
      AttendToKept(context, values, q, memory, count,
                   {{&sequence, 1}, {}, query_time_ms, key_time_ms}, attended));
  return FinishInference(context, values, x, attended, y);
}

absl::Status AttentionBlock::Weights(ExecutionContext& context,
                                     std::span<const float> values,
                                     ConstMatrixView q,
                                     const KeyValueView& memory, int64_t count,
                                     std::span<const int64_t> query_time_ms,
                                     std::span<const int64_t> key_time_ms,
                                     MatrixView weights) const {
  Workspace::Scope scope(context.workspace);
  MatrixView k = context.workspace.Matrix(count, config_.width);
  MatrixView v = context.workspace.Matrix(count, config_.width);
  memory.Read(k, v);
  const AttentionSequence sequence{0, q.rows(), 0, count};
  return attention_->Weights(
      context,
      Input(values, q, k, v, {{&sequence, 1}, {}, query_time_ms, key_time_ms}),
      weights);
}

absl::Status AttentionBlock::Forward(ExecutionContext& context,
                                     std::span<const float> values,
                                     ConstMatrixView x, ConstMatrixView memory,
                                     const BlockContext& block, float dropout,
                                     Rng& rng, Saved& saved,
                                     MatrixView y) const {
  Workspace& workspace = context.workspace;
  const int64_t rows = x.rows();
  const int64_t width = config_.width;
  saved.x = x;
  saved.dropout = dropout;
  saved.normed = workspace.Matrix(rows, width);
  query_norm_.Forward(context, values, x, saved.normed);
  saved.memory = config_.cross ? memory : ConstMatrixView(saved.normed);
  saved.q = workspace.Matrix(rows, width);
  saved.k = workspace.Matrix(saved.memory.rows(), width);
  saved.v = workspace.Matrix(saved.memory.rows(), width);
  ATTUNE_RETURN_IF_ERROR(query_.Forward(context, saved.normed, saved.q));
  ATTUNE_RETURN_IF_ERROR(
      ProjectMemory(context, saved.memory, saved.k, saved.v));
  saved.attended = workspace.Matrix(rows, width);
  saved.log_sum_exp = workspace.Matrix(rows, config_.heads);
  ATTUNE_RETURN_IF_ERROR(attention_->Forward(
      context, Input(values, saved.q, saved.k, saved.v, block), saved.attended,
      saved.log_sum_exp));

  saved.middle = workspace.Matrix(rows, width);
  ATTUNE_RETURN_IF_ERROR(
      output_.Forward(context, saved.attended, saved.middle));
  if (dropout > 0) {
    saved.attention_mask = workspace.Allocate<uint8_t>(rows * width);
    Dropout(rng, dropout, saved.middle, saved.attention_mask);
  }
  AddInto(x, saved.middle);

  saved.normed_middle = workspace.Matrix(rows, width);
  middle_norm_.Forward(context, values, saved.middle, saved.normed_middle);
  saved.pre_activation = workspace.Matrix(rows, config_.feed_forward);
  saved.activated = workspace.Matrix(rows, config_.feed_forward);
  ATTUNE_RETURN_IF_ERROR(
      expand_.Forward(context, saved.normed_middle, saved.pre_activation));
  const size_t hidden = static_cast<size_t>(rows * config_.feed_forward);
  gelu_->Forward(context, {saved.pre_activation.data(), hidden},
                 {saved.activated.data(), hidden});
  ATTUNE_RETURN_IF_ERROR(contract_.Forward(context, saved.activated, y));
  if (dropout > 0) {
    saved.feed_forward_mask = workspace.Allocate<uint8_t>(rows * width);
    Dropout(rng, dropout, y, saved.feed_forward_mask);
  }
  AddInto(saved.middle, y);
  return absl::OkStatus();
}

absl::Status AttentionBlock::Backward(ExecutionContext& context,
                                      std::span<const float> values,
                                      const Saved& saved,
                                      const BlockContext& block, MatrixView dy,
                                      MatrixView dx, MatrixView dmemory,
                                      std::span<float> gradients) const {
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  const int64_t rows = saved.x.rows();
  const int64_t width = config_.width;

  // Feed-forward part: y = middle + drop(W2 gelu(W1 LN(middle))).
  MatrixView dbranch = workspace.Matrix(rows, width);
  CopyRows(dy, dbranch);
  if (saved.dropout > 0) {
    DropoutBackward(saved.dropout, saved.feed_forward_mask, dbranch);
  }
  MatrixView dhidden = workspace.Matrix(rows, config_.feed_forward);
  ATTUNE_RETURN_IF_ERROR(contract_.Backward(context, saved.activated, dbranch,
                                            dhidden, gradients));
  const size_t hidden = static_cast<size_t>(rows * config_.feed_forward);
  gelu_->Backward(context, {saved.pre_activation.data(), hidden},
                  {dhidden.data(), hidden}, {dhidden.data(), hidden});
  ATTUNE_RETURN_IF_ERROR(expand_.Backward(context, saved.normed_middle, dhidden,
                                          dbranch, gradients));
  middle_norm_.Backward(context, values, saved.middle, dbranch, dbranch,
                        gradients);
  AddInto(dbranch, dy);  // dy is now the gradient of `middle`.

  // Attention part: middle = x + drop(O attention(...)).
  CopyRows(dy, dbranch);
  if (saved.dropout > 0) {
    DropoutBackward(saved.dropout, saved.attention_mask, dbranch);
  }
  MatrixView dattended = workspace.Matrix(rows, width);
  ATTUNE_RETURN_IF_ERROR(
      output_.Backward(context, saved.attended, dbranch, dattended, gradients));
  const int64_t memory_rows = saved.memory.rows();
  AttentionGradients attention_gradients;
  attention_gradients.dq = workspace.ZeroMatrix(rows, width);
  attention_gradients.dk = workspace.ZeroMatrix(memory_rows, width);
  attention_gradients.dv = workspace.ZeroMatrix(memory_rows, width);
  if (position_bias_ >= 0) {
    attention_gradients.dposition_bias =
        layout_->Matrix(position_bias_, gradients);
  }
  if (time_bias_ >= 0 && !block.query_time_ms.empty()) {
    attention_gradients.dtime_bias = layout_->Matrix(time_bias_, gradients);
  }
  ATTUNE_RETURN_IF_ERROR(attention_->Backward(
      context, Input(values, saved.q, saved.k, saved.v, block), saved.attended,
      saved.log_sum_exp, dattended, attention_gradients));

  MatrixView dnormed = dbranch;  // reused: its content was consumed above
  ATTUNE_RETURN_IF_ERROR(query_.Backward(
      context, saved.normed, attention_gradients.dq, dnormed, gradients));
  MatrixView dprojected = workspace.Matrix(memory_rows, width);
  MatrixView dmemory_target = config_.cross ? dmemory : dnormed;
  ATTUNE_RETURN_IF_ERROR(key_.Backward(
      context, saved.memory, attention_gradients.dk, dprojected, gradients));
  AddInto(dprojected, dmemory_target);
  ATTUNE_RETURN_IF_ERROR(value_.Backward(
      context, saved.memory, attention_gradients.dv, dprojected, gradients));
  AddInto(dprojected, dmemory_target);
  query_norm_.Backward(context, values, saved.x, dnormed, dnormed, gradients);
  for (int64_t i = 0; i < rows; ++i) {
    const float* a = dy.row(i);
    const float* b = dnormed.row(i);
    float* to = dx.row(i);
    for (int64_t d = 0; d < width; ++d) to[d] = a[d] + b[d];
  }
  return absl::OkStatus();
}

}  // namespace attune
