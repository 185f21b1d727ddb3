#include "attention/onednn/prepared_matmul.h"

#include <array>
#include <utility>

#include "attention/onednn/dnnl_status.h"

namespace attune {
namespace {

using dnnl::memory;

memory::desc Dense(int64_t rows, int64_t cols, memory::data_type type) {
  return memory::desc({rows, cols}, type, memory::format_tag::ab);
}

void AppendActivation(ActivationKind kind, dnnl::post_ops& post_ops) {
  switch (kind) {
    case ActivationKind::kNone:
      return;
    case ActivationKind::kRelu:
      return post_ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.f, 0.f);
    case ActivationKind::kGeluTanh:
      return post_ops.append_eltwise(dnnl::algorithm::eltwise_gelu_tanh, 0.f,
                                     0.f);
    case ActivationKind::kSilu:
      return post_ops.append_eltwise(dnnl::algorithm::eltwise_swish, 1.f, 0.f);
    case ActivationKind::kSigmoid:
      return post_ops.append_eltwise(dnnl::algorithm::eltwise_logistic, 0.f,
                                     0.f);
  }
}

}  // namespace

struct PreparedMatmul::Arguments {
  dnnl::stream stream;
  memory src, bias, residual, dst, scratchpad;
  // As the C interface takes them: the C++ one hashes and copies a map in every
  // call. The weights' place is kWeights.
  std::array<dnnl_exec_arg_t, 6> list = {};
  int count = 0;

  static constexpr int kWeights = 0;

  void Add(int argument, const memory& object) {
    list[count++] = {argument, object.get()};
  }
};

PreparedMatmul::PreparedMatmul(
    const dnnl::engine& engine, const MatmulShape& shape,
    const dnnl::matmul::primitive_desc& primitive_desc)
    : engine_(engine),
      shape_(shape),
      primitive_desc_(primitive_desc),
      primitive_(primitive_desc),
      implementation_(primitive_desc.impl_info_str()),
      scratchpad_bytes_(primitive_desc.scratchpad_desc().get_size()) {}

PreparedMatmul::~PreparedMatmul() = default;

absl::StatusOr<std::unique_ptr<PreparedMatmul>> PreparedMatmul::Create(
    const dnnl::engine& engine, const MatmulShape& shape,
    const memory::desc& weights_desc) {
  std::unique_ptr<PreparedMatmul> result;
  absl::Status status = CatchDnnl("matmul", [&] {
    constexpr auto kF32 = memory::data_type::f32;
    const auto operand = shape.bfloat16 ? memory::data_type::bf16 : kF32;
    const memory::desc src = Dense(shape.rows, shape.in, operand);
    const memory::desc weights =
        weights_desc.is_zero() ? memory::desc({shape.in, shape.out}, operand,
                                              memory::format_tag::any)
                               : weights_desc;
    const memory::desc bias =
        shape.bias ? Dense(1, shape.out, kF32) : memory::desc();
    const memory::desc dst = Dense(shape.rows, shape.out, kF32);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    dnnl::post_ops post_ops;
    AppendActivation(shape.activation, post_ops);
    // A binary addition and not `sum`: the residual need not be dst then.
    if (shape.residual) {
      post_ops.append_binary(dnnl::algorithm::binary_add, dst);
    }
    attributes.set_post_ops(post_ops);
    result.reset(
        new PreparedMatmul(engine, shape,
                           dnnl::matmul::primitive_desc(
                               engine, src, weights, bias, dst, attributes)));
  });
  if (!status.ok()) return status;
  if (result->implementation_.find("ref") != std::string::npos) {
    return absl::UnimplementedError(absl::StrCat(
        "oneDNN has only a slow implementation (", result->implementation_,
        ") of a product ", shape.rows, " x ", shape.in, " x ", shape.out));
  }
  return result;
}

std::unique_ptr<PreparedMatmul::Arguments> PreparedMatmul::TakeArguments()
    const {
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<Arguments> arguments = std::move(free_.back());
      free_.pop_back();
      return arguments;
    }
  }
  auto arguments = std::make_unique<Arguments>();
  Arguments& a = *arguments;
  a.stream = dnnl::stream(engine_);
  a.list[a.count++] = {DNNL_ARG_WEIGHTS, nullptr};
  a.src = memory(primitive_desc_.src_desc(), engine_, nullptr);
  a.Add(DNNL_ARG_SRC, a.src);
  a.dst = memory(primitive_desc_.dst_desc(), engine_, nullptr);
  a.Add(DNNL_ARG_DST, a.dst);
  a.scratchpad = memory(primitive_desc_.scratchpad_desc(), engine_, nullptr);
  a.Add(DNNL_ARG_SCRATCHPAD, a.scratchpad);
  if (shape_.bias) {
    a.bias =
        memory(Dense(1, shape_.out, memory::data_type::f32), engine_, nullptr);
    a.Add(DNNL_ARG_BIAS, a.bias);
  }
  if (shape_.residual) {
    a.residual = memory(primitive_desc_.dst_desc(), engine_, nullptr);
    const int index = shape_.activation == ActivationKind::kNone ? 0 : 1;
    a.Add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(index) | DNNL_ARG_SRC_1, a.residual);
  }
  return arguments;
}

absl::Status PreparedMatmul::Execute(Workspace& workspace, const void* src,
                                     const memory& weights, const float* bias,
                                     const float* residual, float* dst) const {
  Workspace::Scope scope(workspace);
  return CatchDnnl("matmul", [&] {
    std::unique_ptr<Arguments> arguments = TakeArguments();
    Arguments& a = *arguments;
    a.list[Arguments::kWeights].memory = weights.get();
    a.src.set_data_handle(const_cast<void*>(src));
    a.dst.set_data_handle(dst);
    a.scratchpad.set_data_handle(workspace.AllocateBytes(scratchpad_bytes_));
    if (shape_.bias) a.bias.set_data_handle(const_cast<float*>(bias));
    if (shape_.residual) {
      a.residual.set_data_handle(const_cast<float*>(residual));
    }
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(primitive_.get(), a.stream.get(), a.count,
                               a.list.data()),
        "could not execute");
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(arguments));
  });
}

}  // namespace attune
