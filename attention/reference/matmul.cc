#include "attention/op_checks.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class ReferenceMatmulTransposed final : public MatmulTransposed {
 public:
  explicit ReferenceMatmulTransposed(int64_t width) : width_(width) {}

  absl::Status Forward(ExecutionContext&, ConstMatrixView a, ConstMatrixView b,
                       MatrixView c) const override {
    ATTUNE_RETURN_IF_ERROR(CheckMatmulTransposed(width_, a, b, c));
    for (int64_t m = 0; m < a.rows(); ++m) {
      for (int64_t n = 0; n < b.rows(); ++n) {
        double sum = 0.0;
        for (int64_t k = 0; k < width_; ++k) sum += double{a(m, k)} * b(n, k);
        c(m, n) = static_cast<float>(sum);
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t width_;
};

}  // namespace

std::unique_ptr<MatmulTransposed> MakeReferenceMatmulTransposed(int64_t width) {
  return std::make_unique<ReferenceMatmulTransposed>(width);
}

}  // namespace attune
