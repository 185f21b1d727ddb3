#include "attention/ops/attention.h"

#include <algorithm>

#include "attention/onednn/attention_kernel.h"
#include "attention/onednn/bfloat16_kernel.h"
#include "attention/onednn/operations.h"
#include "attention/op_checks.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

constexpr float kLog2E = 1.4426950408889634f;

// kBf16 rounds q, k and v. Where the machine has instructions for it, Forward
// for inference (without log_sum_exp) rounds the exponentials as well, as the
// weights of the values; otherwise, and in training, the rounded numbers are
// computed with as kF32 does.
class VectorAttention final : public Attention {
 public:
  explicit VectorAttention(const AttentionSpec& spec)
      : spec_(spec),
        // Asked once: it takes longer than a small attention.
        in_pairs_(spec.precision == Precision::kBf16 &&
                  HasBfloat16Attention(spec.head_width)),
        reference_(MakeReferenceAttention(spec)) {}

  const AttentionSpec& spec() const override { return spec_; }

  absl::Status Forward(ExecutionContext& context, const AttentionInput& input,
                       MatrixView out, MatrixView log_sum_exp) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckAttentionForward(spec_, input, out, log_sum_exp));
    Workspace::Scope scope(context.workspace);
    const AttentionTask common = CommonPart(context.workspace, input);
    const bool in_pairs = in_pairs_ && log_sum_exp.empty();
    for (const AttentionSequence& sequence : input.sequences) {
      if (sequence.query_count == 0) continue;
      Workspace::Scope sequence_scope(context.workspace);
      const MatrixView rows =
          out.rows_slice(sequence.query_begin, sequence.query_count);
      if (in_pairs) {
        const AttentionTask task = PlainTask(input, sequence, common);
        const KeyValueView kept = Pack(context.workspace, task.k, task.v);
        AttentionForwardBfloat16(context.workspace, task, kept, rows);
        continue;
      }
      AttentionForward(
          context.workspace,
          SequenceTask(context.workspace, input, sequence, common), rows,
          log_sum_exp.empty() ? MatrixView()
                              : log_sum_exp.rows_slice(sequence.query_begin,
                                                       sequence.query_count));
    }
    return absl::OkStatus();
  }

  absl::Status ForwardKept(ExecutionContext& context, AttentionInput input,
                           const KeyValueView& kept,
                           MatrixView out) const override {
    if (!in_pairs_) return Attention::ForwardKept(context, input, kept, out);
    ATTUNE_RETURN_IF_ERROR(CheckAttentionForward(spec_, input, out, {}));
    Workspace::Scope scope(context.workspace);
    const AttentionTask common = CommonPart(context.workspace, input);
    for (const AttentionSequence& s : input.sequences) {
      if (s.query_count == 0) continue;
      AttentionForwardBfloat16(context.workspace, PlainTask(input, s, common),
                               kept,
                               out.rows_slice(s.query_begin, s.query_count));
    }
    return absl::OkStatus();
  }

  absl::Status Backward(ExecutionContext& context, const AttentionInput& input,
                        ConstMatrixView out, ConstMatrixView log_sum_exp,
                        ConstMatrixView dout,
                        const AttentionGradients& gradients) const override {
    ATTUNE_RETURN_IF_ERROR(CheckAttentionBackward(
        spec_, input, out, log_sum_exp, dout, gradients));
    Workspace::Scope scope(context.workspace);
    const AttentionTask common = CommonPart(context.workspace, input);
    for (const AttentionSequence& s : input.sequences) {
      if (s.query_count == 0) continue;
      Workspace::Scope sequence_scope(context.workspace);
      AttentionTaskGradients task_gradients;
      task_gradients.out = out.rows_slice(s.query_begin, s.query_count);
      task_gradients.log_sum_exp =
          log_sum_exp.rows_slice(s.query_begin, s.query_count);
      task_gradients.dout = dout.rows_slice(s.query_begin, s.query_count);
      task_gradients.dq = gradients.dq.rows_slice(s.query_begin, s.query_count);
      task_gradients.dk = gradients.dk.rows_slice(s.key_begin, s.key_count);
      task_gradients.dv = gradients.dv.rows_slice(s.key_begin, s.key_count);
      task_gradients.dposition_bias = gradients.dposition_bias;
      task_gradients.dtime_bias = gradients.dtime_bias;
      AttentionBackward(context.workspace,
                        SequenceTask(context.workspace, input, s, common),
                        task_gradients);
    }
    return absl::OkStatus();
  }

  // For explanations of a few rows: plain loops do.
  absl::Status Weights(ExecutionContext& context, const AttentionInput& input,
                       MatrixView weights) const override {
    return reference_->Weights(context, input, weights);
  }

 private:
  // What all sequences share: sizes and the bias tables in units of log2.
  AttentionTask CommonPart(Workspace& workspace,
                           const AttentionInput& input) const {
    AttentionTask task;
    task.heads = spec_.heads;
    task.head_width = spec_.head_width;
    task.position_bias = InLog2(workspace, input.position_bias);
    if (!input.query_time_ms.empty() && !input.key_time_ms.empty()) {
      task.time_bias = InLog2(workspace, input.time_bias);
    }
    return task;
  }

  KeyValueView Pack(Workspace& workspace, ConstMatrixView k,
                    ConstMatrixView v) const {
    const KeyValueShape shape{Precision::kBf16, k.rows(), spec_.heads,
                              spec_.head_width};
    KeyValueView kept(workspace.AllocateBytes(shape.Bytes()), shape);
    kept.Write(0, k, v);
    return kept;
  }

  // The rows as they are.
  static AttentionTask PlainTask(const AttentionInput& input,
                                 const AttentionSequence& s,
                                 AttentionTask task) {
    task.keys = s.key_count;
    task.q = input.q.rows_slice(s.query_begin, s.query_count);
    task.k = input.k.rows_slice(s.key_begin, s.key_count);
    task.v = input.v.rows_slice(s.key_begin, s.key_count);
    if (!input.visible.empty()) {
      task.visible = input.visible.data() + s.query_begin;
    }
    if (!task.time_bias.empty()) {
      task.query_time_ms = input.query_time_ms.data() + s.query_begin;
      task.key_time_ms = input.key_time_ms.data() + s.key_begin;
    }
    return task;
  }

  // The rows rounded to the precision.
  AttentionTask SequenceTask(Workspace& workspace, const AttentionInput& input,
                             const AttentionSequence& s,
                             const AttentionTask& common) const {
    AttentionTask task = PlainTask(input, s, common);
    task.q = Operand(workspace, task.q);
    task.k = Operand(workspace, task.k);
    task.v = Operand(workspace, task.v);
    return task;
  }

  static ConstMatrixView InLog2(Workspace& workspace, ConstMatrixView table) {
    if (table.empty()) return {};
    const int64_t stride = std::max(table.cols(), AttentionTask::kTimeRow);
    const MatrixView scaled(
        workspace.Allocate<float>(table.rows() * stride).data(),
        table.extents(), {stride, 1});
    for (int64_t h = 0; h < table.rows(); ++h) {
      for (int64_t x = 0; x < table.cols(); ++x) {
        scaled(h, x) = table(h, x) * kLog2E;
      }
    }
    return scaled;
  }

  ConstMatrixView Operand(Workspace& workspace, ConstMatrixView rows) const {
    if (spec_.precision == Precision::kF32) return rows;
    MatrixView rounded = workspace.Matrix(rows.rows(), rows.cols());
    RoundToBfloat16(rows, rounded);
    return rounded;
  }

  AttentionSpec spec_;
  bool in_pairs_;
  std::unique_ptr<Attention> reference_;
};

}  // namespace

std::unique_ptr<Attention> MakeVectorAttention(const AttentionSpec& spec) {
  return std::make_unique<VectorAttention>(spec);
}

}  // namespace attune
