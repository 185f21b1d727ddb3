#include "attention/ops/matmul.h"

#include "attention/onednn/gemm_kernel.h"
#include "attention/onednn/operations.h"
#include "attention/op_checks.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class VectorMatmulTransposed final : public MatmulTransposed {
 public:
  explicit VectorMatmulTransposed(int64_t width) : width_(width) {}

  absl::Status Forward(ExecutionContext& context, ConstMatrixView a,
                       ConstMatrixView b, MatrixView c) const override {
    ATTUNE_RETURN_IF_ERROR(CheckMatmulTransposed(width_, a, b, c));
    GemmTransposedB(context.workspace, a, b, c);
    return absl::OkStatus();
  }

 private:
  int64_t width_;
};

}  // namespace

std::unique_ptr<MatmulTransposed> MakeVectorMatmulTransposed(int64_t width) {
  return std::make_unique<VectorMatmulTransposed>(width);
}

}  // namespace attune
