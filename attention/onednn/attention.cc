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

// kBf16 rounds q, k and v and then computes as kF32 does; the probabilities are
// never stored rounded.
class VectorAttention final : public Attention {
 public:
  explicit VectorAttention(const AttentionSpec& spec)
      : spec_(spec), reference_(MakeReferenceAttention(spec)) {}

  const AttentionSpec& spec() const override { return spec_; }

  absl::Status Forward(ExecutionContext& context, const AttentionInput& input,
                       MatrixView out, MatrixView log_sum_exp) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckAttentionForward(spec_, input, out, log_sum_exp));
    Workspace::Scope scope(context.workspace);
    const AttentionTask common = CommonPart(context.workspace, input);
    for (const AttentionSequence& sequence : input.sequences) {
      if (sequence.query_count == 0) continue;
      Workspace::Scope sequence_scope(context.workspace);
      AttentionForward(
          context.workspace,
          SequenceTask(context.workspace, input, sequence, common),
          out.rows_slice(sequence.query_begin, sequence.query_count),
          log_sum_exp.empty() ? MatrixView()
                              : log_sum_exp.rows_slice(sequence.query_begin,
                                                       sequence.query_count));
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

  AttentionTask SequenceTask(Workspace& workspace, const AttentionInput& input,
                             const AttentionSequence& s,
                             AttentionTask task) const {
    task.keys = s.key_count;
    task.q =
        Operand(workspace, input.q.rows_slice(s.query_begin, s.query_count));
    task.k = Operand(workspace, input.k.rows_slice(s.key_begin, s.key_count));
    task.v = Operand(workspace, input.v.rows_slice(s.key_begin, s.key_count));
    if (!input.visible.empty()) {
      task.visible = input.visible.data() + s.query_begin;
    }
    if (!task.time_bias.empty()) {
      task.query_time_ms = input.query_time_ms.data() + s.query_begin;
      task.key_time_ms = input.key_time_ms.data() + s.key_begin;
    }
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
  std::unique_ptr<Attention> reference_;
};

}  // namespace

std::unique_ptr<Attention> MakeVectorAttention(const AttentionSpec& spec) {
  return std::make_unique<VectorAttention>(spec);
}

}  // namespace attune
