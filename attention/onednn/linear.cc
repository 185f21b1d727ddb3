#include "attention/onednn/linear.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "attention/instruction_set.h"
#include "attention/onednn/activation_kernel.h"
#include "attention/onednn/bfloat16_kernel.h"
#include "attention/onednn/dnnl_status.h"
#include "attention/onednn/linear_backward.h"
#include "attention/onednn/operations.h"
#include "attention/onednn/prepared_matmul.h"
#include "attention/onednn/row_plan.h"
#include "attention/op_checks.h"
#include "base/parallel.h"
#include "base/status_macros.h"

namespace attune {
namespace {

using dnnl::memory;

void CopyMatrix(ConstMatrixView from, MatrixView to) {
  for (int64_t r = 0; r < from.rows(); ++r) {
    std::ranges::copy(from.row_span(r), to.row(r));
  }
}

bool Overlap(ConstMatrixView a, ConstMatrixView b) {
  if (a.empty() || b.empty()) return false;
  return a.data() <= b.row(b.rows() - 1) + b.cols() - 1 &&
         b.data() <= a.row(a.rows() - 1) + a.cols() - 1;
}

class OneDnnLinear final : public Linear {
 public:
  static absl::StatusOr<std::unique_ptr<Linear>> Create(
      const LinearSpec& spec) {
    std::unique_ptr<OneDnnLinear> linear(new OneDnnLinear(spec));
    absl::Status status;
    RunSerial([&] {
      status = linear->Prepare(spec.precision == Precision::kBf16);
      // No bf16 instructions here: the same rounded operands as f32.
      if (absl::IsUnimplemented(status) && spec.precision == Precision::kBf16) {
        status = linear->Prepare(/*bfloat16=*/false);
      }
    });
    if (!status.ok()) return status;
    return linear;
  }

  const LinearSpec& spec() const override { return spec_; }

  absl::Status SetWeights(ConstMatrixView weight,
                          std::span<const float> bias) override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearWeights(spec_, weight, bias));
    if (!weight.is_dense()) {
      return absl::InvalidArgumentError(
          absl::StrCat("linear weight rows have stride ", weight.stride(0),
                       ", expected dense rows of ", spec_.out));
    }
    bias_.assign(bias.begin(), bias.end());
    plain_.clear();
    absl::Status status;
    RunSerial([&] { status = Pack(weight); });
    ready_ = status.ok();
    return status;
  }

  absl::Status Forward(ExecutionContext& context, ConstMatrixView x,
                       MatrixView y, ConstMatrixView residual) const override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearForward(spec_, x, y, residual));
    ATTUNE_RETURN_IF_ERROR(CheckReady());
    const bool in_place = !residual.empty() && Overlap(residual, y);
    return RowPlan(x.rows()).ForEach([&](const RowPlan::Piece& piece) {
      return RunPiece(context.workspace, piece, x, y, residual, in_place);
    });
  }

  absl::Status Backward(ExecutionContext& context, ConstMatrixView x,
                        ConstMatrixView dy, MatrixView dx, MatrixView dweight,
                        std::span<float> dbias) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckLinearBackward(spec_, x, dy, dx, dweight, dbias));
    ATTUNE_RETURN_IF_ERROR(CheckReady());
    return LinearBackward(context.workspace, spec_, x, dy,
                          [this]() -> absl::StatusOr<ConstMatrixView> {
                            ATTUNE_RETURN_IF_ERROR(Unpack());
                            return ConstMatrixView(plain_.data(),
                                                   {spec_.in, spec_.out});
                          },
                          {dx, dweight, dbias});
  }

  std::vector<std::string> implementations() const {
    std::vector<std::string> names;
    for (const auto& bucket : buckets_) {
      for (const auto& product : bucket) {
        names.push_back(product->implementation());
      }
    }
    return names;
  }

 private:
  explicit OneDnnLinear(const LinearSpec& spec)
      : spec_(spec), engine_(dnnl::engine::kind::cpu, 0) {}

  // Generates the code of all buckets, with and without residual: 1.7 ms.
  // oneDNN caches it by shape, so that the next layer of a shape takes 40 µs.
  absl::Status Prepare(bool bfloat16) {
    memory::desc weights_desc;
    // The largest bucket first: it chooses the packed layout of the weights.
    for (int b = RowPlan::kBucketCount - 1; b >= 0; --b) {
      for (int residual = 0; residual < 2; ++residual) {
        MatmulShape shape;
        shape.rows = RowPlan::kBuckets[b];
        shape.in = spec_.in;
        shape.out = spec_.out;
        shape.bfloat16 = bfloat16;
        shape.bias = spec_.bias;
        shape.residual = residual == 1;
        // Our activations take half the time of oneDNN's post-operations, but
        // a residual must come after them. (ReLU is free there.)
        if (shape.residual || spec_.activation == ActivationKind::kRelu) {
          shape.activation = spec_.activation;
        }
        ATTUNE_ASSIGN_OR_RETURN(
            buckets_[b][residual],
            PreparedMatmul::Create(engine_, shape, weights_desc));
        weights_desc = buckets_[b][residual]->weights_desc();
      }
    }
    bfloat16_ = bfloat16;
    return CatchDnnl("linear weights", [&] {
      weights_ = memory(weights_desc, engine_);
      pack_ = dnnl::reorder(dnnl::reorder::primitive_desc(
          engine_, PlainDesc(), engine_, weights_desc));
    });
  }

  memory::desc PlainDesc() const {
    return memory::desc({spec_.in, spec_.out}, memory::data_type::f32,
                        memory::format_tag::ab);
  }

  absl::Status Pack(ConstMatrixView weight) {
    return CatchDnnl("linear weights", [&] {
      std::vector<float> rounded;
      float* data = const_cast<float*>(weight.data());
      if (spec_.precision == Precision::kBf16) {
        rounded.resize(weight.size());
        data = rounded.data();
        RoundToBfloat16(weight, {data, weight.extents()});
      }
      memory plain(PlainDesc(), engine_, data);
      dnnl::stream stream(engine_);
      pack_.execute(stream, plain, weights_);
      stream.wait();
    });
  }

  // The weights as plain rows again, for gradients only: a served model does
  // not pay for a second copy.
  absl::Status Unpack() const {
    std::lock_guard lock(plain_mutex_);
    if (!plain_.empty()) return absl::OkStatus();
    std::vector<float> plain(spec_.in * spec_.out);
    absl::Status status = CatchDnnl("linear weights", [&] {
      memory to(PlainDesc(), engine_, plain.data());
      dnnl::stream stream(engine_);
      memory from = weights_;
      dnnl::reorder(from, to).execute(stream, from, to);
      stream.wait();
    });
    if (status.ok()) plain_ = std::move(plain);
    return status;
  }

  absl::Status RunPiece(Workspace& workspace, const RowPlan::Piece& piece,
                        ConstMatrixView x, MatrixView y,
                        ConstMatrixView residual, bool in_place) const {
    Workspace::Scope scope(workspace);
    const int64_t rows = RowPlan::kBuckets[piece.bucket];
    const int64_t real = std::min(rows, x.rows() - piece.begin);
    const void* src = Operand(workspace, x.rows_slice(piece.begin, real), rows);
    const float* addend =
        residual.empty()
            ? nullptr
            : Padded(workspace, residual.rows_slice(piece.begin, real), rows);
    const MatrixView y_rows = y.rows_slice(piece.begin, real);
    const int64_t repeated = piece.fresh - piece.begin;
    // In place not only where rows are repeated: for more than 512 inputs
    // oneDNN 3.2 keeps partial sums in dst before it reads the residual.
    const bool through_scratch = real < rows || !y_rows.is_dense() || in_place;
    float* dst = through_scratch ? workspace.Matrix(rows, spec_.out).data()
                                 : y_rows.data();

    const auto& product = buckets_[piece.bucket][addend != nullptr ? 1 : 0];
    ATTUNE_RETURN_IF_ERROR(
        product->Execute(workspace, src, weights_, bias_.data(), addend, dst));
    if (product->shape().activation != spec_.activation) {
      const std::span<float> made(dst, rows * spec_.out);
      ActivationForward(spec_.activation, made, made);
    }
    if (through_scratch) {
      CopyMatrix(ConstMatrixView(dst + repeated * spec_.out,
                                 {real - repeated, spec_.out}),
                 y_rows.rows_slice(repeated, real - repeated));
    }
    return absl::OkStatus();
  }

  // The rows as the product takes them: dense, in its type, followed by zeros
  // up to `rows`. Without need for any of that, the rows themselves.
  const void* Operand(Workspace& workspace, ConstMatrixView x,
                      int64_t rows) const {
    if (bfloat16_) {
      const std::span<uint16_t> operand =
          workspace.Allocate<uint16_t>(rows * spec_.in);
      ConvertToBfloat16(x, operand.data());
      std::fill(operand.begin() + x.size(), operand.end(), uint16_t{0});
      return operand.data();
    }
    if (spec_.precision == Precision::kBf16) x = Rounded(workspace, x);
    return Padded(workspace, x, rows);
  }

  static const float* Padded(Workspace& workspace, ConstMatrixView from,
                             int64_t rows) {
    if (from.rows() == rows && from.is_dense()) return from.data();
    const MatrixView to = workspace.Matrix(rows, from.cols());
    CopyMatrix(from, to.rows_slice(0, from.rows()));
    std::fill(to.data() + from.size(), to.data() + to.size(), 0.0f);
    return to.data();
  }

  static ConstMatrixView Rounded(Workspace& workspace, ConstMatrixView from) {
    MatrixView to = workspace.Matrix(from.rows(), from.cols());
    RoundToBfloat16(from, to);
    return to;
  }

  absl::Status CheckReady() const {
    if (ready_) return absl::OkStatus();
    return absl::FailedPreconditionError("linear layer has no weights yet");
  }

  LinearSpec spec_;
  dnnl::engine engine_;
  bool bfloat16_ = false;  // the products take bfloat16 operands
  bool ready_ = false;
  // [bucket][with residual]
  std::array<std::array<std::unique_ptr<PreparedMatmul>, 2>,
             RowPlan::kBucketCount>
      buckets_;
  memory weights_;  // packed
  dnnl::reorder pack_;
  std::vector<float> bias_;
  mutable std::mutex plain_mutex_;
  mutable std::vector<float> plain_;  // [in, out] rounded; empty until needed
};

}  // namespace

absl::StatusOr<std::unique_ptr<Linear>> MakeOneDnnLinear(
    const LinearSpec& spec) {
  return OneDnnLinear::Create(spec);
}

absl::StatusOr<std::unique_ptr<Linear>> MakeFastestLinear(
    const LinearSpec& spec) {
  const auto level = static_cast<int>(dnnl::get_effective_cpu_isa());
  constexpr int kAmx = static_cast<int>(dnnl::cpu_isa::avx512_core_amx);
  if (spec.precision == Precision::kBf16 && (level & kAmx) == kAmx &&
      NewestInstructionsAllowed()) {
    return MakeOneDnnLinear(spec);
  }
  return MakeVectorLinear(spec);
}

std::vector<std::string> OneDnnImplementations(const Linear& linear) {
  const auto* ours = dynamic_cast<const OneDnnLinear*>(&linear);
  return ours == nullptr ? std::vector<std::string>{} : ours->implementations();
}

}  // namespace attune
