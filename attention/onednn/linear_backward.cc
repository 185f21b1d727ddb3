#include "attention/onednn/linear_backward.h"

#include "attention/onednn/bfloat16_kernel.h"
#include "attention/onednn/column_sum_kernel.h"
#include "attention/onednn/gemm_kernel.h"
#include "base/status_macros.h"

namespace attune {
namespace {

ConstMatrixView Rounded(Workspace& workspace, ConstMatrixView from) {
  MatrixView to = workspace.Matrix(from.rows(), from.cols());
  RoundToBfloat16(from, to);
  return to;
}

}  // namespace

absl::Status LinearBackward(
    Workspace& workspace, const LinearSpec& spec, ConstMatrixView x,
    ConstMatrixView dy,
    absl::FunctionRef<absl::StatusOr<ConstMatrixView>()> weights,
    const LinearGradients& gradients) {
  Workspace::Scope scope(workspace);
  if (!gradients.dbias.empty()) AddColumnSums(dy, gradients.dbias);
  if (spec.precision == Precision::kBf16) {
    x = Rounded(workspace, x);
    dy = Rounded(workspace, dy);
  }
  // The row count of training changes with every batch, so these products are
  // our own: a primitive for each would cost more than it computes.
  if (!gradients.dweight.empty()) {
    GemmTransposedA(workspace, x, dy, gradients.dweight);
  }
  if (!gradients.dx.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(ConstMatrixView plain, weights());
    GemmTransposedB(workspace, dy, plain, gradients.dx);
  }
  return absl::OkStatus();
}

}  // namespace attune
