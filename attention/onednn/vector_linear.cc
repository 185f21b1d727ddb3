#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "attention/onednn/bfloat16_kernel.h"
#include "attention/onednn/bfloat16_linear_kernel.h"
#include "attention/onednn/linear.h"
#include "attention/onednn/linear_backward.h"
#include "attention/onednn/linear_kernel.h"
#include "attention/onednn/operations.h"
#include "attention/op_checks.h"
#include "base/status_macros.h"
#include "hwy/aligned_allocator.h"

namespace attune {
namespace {

// Rows of a block: its operands, results and a panel of the weights stay in
// the second-level cache from the product to the activation.
constexpr int64_t kRowBlock = 96;
// Up to as many outputs are dot products and no panel.
constexpr int64_t kFewColumns = 2;

class VectorLinear final : public Linear {
 public:
  explicit VectorLinear(const LinearSpec& spec)
      : spec_(spec),
        bfloat16_(spec.precision == Precision::kBf16 &&
                  spec.out > kFewColumns && HasBfloat16Products()) {}

  const LinearSpec& spec() const override { return spec_; }

  absl::Status SetWeights(ConstMatrixView weight,
                          std::span<const float> bias) override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearWeights(spec_, weight, bias));
    plain_.clear();
    bias_ = Zeros<float>(PackedColumns(spec_.out));
    std::ranges::copy(bias, bias_.get());
    if (bfloat16_) {
      pairs_ =
          Zeros<uint16_t>(Bfloat16Steps(spec_.in) * PackedColumns(spec_.out));
      PackBfloat16Weights(weight, pairs_.get());
      return absl::OkStatus();
    }
    std::vector<float> rounded;
    if (spec_.precision == Precision::kBf16) {
      rounded.resize(weight.size());
      const MatrixView to(rounded.data(), weight.extents());
      RoundToBfloat16(weight, to);
      weight = to;
    }
    packed_ = Zeros<float>(spec_.in * PackedColumns(spec_.out));
    if (spec_.out > kFewColumns) {
      PackLinearWeights(weight, packed_.get());
    } else {
      for (int64_t k = 0; k < spec_.in; ++k) {
        for (int64_t j = 0; j < spec_.out; ++j) {
          packed_[j * spec_.in + k] = weight(k, j);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status Forward(ExecutionContext& context, ConstMatrixView x,
                       MatrixView y, ConstMatrixView residual) const override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearForward(spec_, x, y, residual));
    ATTUNE_RETURN_IF_ERROR(CheckReady());
    for (int64_t begin = 0; begin < x.rows(); begin += kRowBlock) {
      const int64_t rows = std::min(kRowBlock, x.rows() - begin);
      Block(context.workspace, x.rows_slice(begin, rows),
            y.rows_slice(begin, rows),
            residual.empty() ? residual : residual.rows_slice(begin, rows));
    }
    return absl::OkStatus();
  }

  absl::Status Backward(ExecutionContext& context, ConstMatrixView x,
                        ConstMatrixView dy, MatrixView dx, MatrixView dweight,
                        std::span<float> dbias) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckLinearBackward(spec_, x, dy, dx, dweight, dbias));
    ATTUNE_RETURN_IF_ERROR(CheckReady());
    return LinearBackward(
        context.workspace, spec_, x, dy,
        [this]() -> absl::StatusOr<ConstMatrixView> { return Plain(); },
        {dx, dweight, dbias});
  }

  std::string implementation() const {
    return bfloat16_ ? "vector:avx512_bf16" : "vector:f32";
  }

 private:
  template <typename T>
  using Buffer = hwy::AlignedFreeUniquePtr<T[]>;

  template <typename T>
  static Buffer<T> Zeros(int64_t count) {
    Buffer<T> buffer = hwy::AllocateAligned<T>(count);
    std::fill_n(buffer.get(), count, T{0});
    return buffer;
  }

  absl::Status CheckReady() const {
    if (bias_ != nullptr) return absl::OkStatus();
    return absl::FailedPreconditionError("linear layer has no weights yet");
  }

  // One block of rows. The residual comes after the activation, so that it can
  // be a part of the product only without one.
  void Block(Workspace& workspace, ConstMatrixView x, MatrixView y,
             ConstMatrixView residual) const {
    Workspace::Scope scope(workspace);
    if (spec_.activation == ActivationKind::kNone || residual.empty()) {
      return Product(workspace, x, {bias_.get(), spec_.activation, residual},
                     y);
    }
    const MatrixView made = workspace.Matrix(y.rows(), y.cols());
    Product(workspace, x, {bias_.get(), spec_.activation}, made);
    for (int64_t r = 0; r < y.rows(); ++r) {
      for (int64_t c = 0; c < y.cols(); ++c) {
        y(r, c) = made(r, c) + residual(r, c);
      }
    }
  }

  void Product(Workspace& workspace, ConstMatrixView x,
               const LinearEpilogue& epilogue, MatrixView y) const {
    if (bfloat16_) {
      const int64_t steps = Bfloat16Steps(spec_.in);
      uint16_t* operand = workspace.Allocate<uint16_t>(x.rows() * steps).data();
      ConvertToBfloat16Rows(x, operand);
      return Bfloat16Product({operand, x.rows(), steps, steps}, pairs_.get(),
                             epilogue, y);
    }
    if (spec_.precision == Precision::kBf16) {
      MatrixView rounded = workspace.Matrix(x.rows(), x.cols());
      RoundToBfloat16(x, rounded);
      x = rounded;
    }
    if (spec_.out > kFewColumns) {
      LinearProduct(x, packed_.get(), epilogue, y);
    } else {
      LinearDots(x, {packed_.get(), {spec_.out, spec_.in}}, epilogue, y);
    }
  }

  // The weights as plain rows again, for gradients only: a served model does
  // not pay for a second copy.
  ConstMatrixView Plain() const {
    std::lock_guard lock(plain_mutex_);
    if (plain_.empty()) {
      plain_.resize(spec_.in * spec_.out);
      const MatrixView plain(plain_.data(), {spec_.in, spec_.out});
      if (bfloat16_) {
        UnpackBfloat16Weights(pairs_.get(), plain);
      } else if (spec_.out > kFewColumns) {
        UnpackLinearWeights(packed_.get(), plain);
      } else {
        for (int64_t k = 0; k < spec_.in; ++k) {
          for (int64_t j = 0; j < spec_.out; ++j) {
            plain(k, j) = packed_[j * spec_.in + k];
          }
        }
      }
    }
    return {plain_.data(), {spec_.in, spec_.out}};
  }

  LinearSpec spec_;
  bool bfloat16_;
  Buffer<float> packed_;  // panels, or [out, in] for few columns
  Buffer<uint16_t> pairs_;
  Buffer<float> bias_;  // null until weights are set
  mutable std::mutex plain_mutex_;
  mutable std::vector<float> plain_;  // [in, out] rounded; empty until needed
};

}  // namespace

std::unique_ptr<Linear> MakeVectorLinear(const LinearSpec& spec) {
  return std::make_unique<VectorLinear>(spec);
}

std::string VectorImplementation(const Linear& linear) {
  const auto* ours = dynamic_cast<const VectorLinear*>(&linear);
  return ours == nullptr ? "" : ours->implementation();
}

}  // namespace attune
