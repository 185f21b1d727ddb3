#include "engine/model/fusion_network.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {
namespace {

// Rows of a block in inference; a multiple of the products' 12 rows.
constexpr int64_t kRowBlock = 96;

}  // namespace

FusionNetwork::FusionNetwork(ParameterLayout& layout, const ModelConfig& config)
    : config_(config), input_width_(2 * config.width + config.dense_width) {
  int64_t in = input_width_;
  layers_.reserve(config.fusion_hidden.size() + 1);
  for (size_t i = 0; i < config.fusion_hidden.size(); ++i) {
    LinearSpec spec;
    spec.in = in;
    spec.out = config.fusion_hidden[i];
    spec.activation = ActivationKind::kGeluTanh;
    layers_.emplace_back(layout, StrCat("fusion.layer", i), spec);
    in = spec.out;
  }
  LinearSpec last;
  last.in = in;
  last.out = static_cast<int64_t>(config.tasks.size());
  layers_.emplace_back(layout, "fusion.tasks", last, /*init_std=*/0);
}

absl::Status FusionNetwork::Prepare(const Backend& backend, Precision precision,
                                    bool training) {
  for (LinearLayer& layer : layers_) {
    ATTUNE_RETURN_IF_ERROR(layer.Prepare(backend, precision, training));
  }
  ATTUNE_ASSIGN_OR_RETURN(gelu_,
                          backend.CreateActivation(ActivationKind::kGeluTanh));
  return absl::OkStatus();
}

absl::Status FusionNetwork::SetWeights(std::span<const float> values) {
  for (LinearLayer& layer : layers_) {
    ATTUNE_RETURN_IF_ERROR(layer.SetWeights(values));
  }
  return absl::OkStatus();
}

void FusionNetwork::Concatenate(ConstMatrixView z, ConstMatrixView user,
                                ConstMatrixView x, ConstMatrixView dense,
                                MatrixView input) const {
  const int64_t width = config_.width;
  for (int64_t c = 0; c < x.rows(); ++c) {
    float* to = input.row(c);
    if (z.empty()) {
      std::memset(to, 0, sizeof(float) * width);
    } else {
      std::memcpy(to, z.row(c), sizeof(float) * width);
    }
    const float* u = user.row(user.rows() == 1 ? 0 : c);
    const float* item = x.row(c);
    for (int64_t d = 0; d < width; ++d) to[width + d] = u[d] * item[d];
    if (config_.dense_width > 0) {
      std::memcpy(to + 2 * width, dense.row(c),
                  sizeof(float) * config_.dense_width);
    }
  }
}

absl::Status FusionNetwork::Forward(ExecutionContext& context,
                                    ConstMatrixView input,
                                    MatrixView out) const {
  // Some rows at a time through all layers, so that these stay in the cache.
  for (int64_t begin = 0; begin < input.rows(); begin += kRowBlock) {
    const int64_t rows = std::min(kRowBlock, input.rows() - begin);
    Workspace::Scope scope(context.workspace);
    ConstMatrixView x = input.rows_slice(begin, rows);
    for (size_t i = 0; i + 1 < layers_.size(); ++i) {
      MatrixView y = context.workspace.Matrix(rows, layers_[i].out());
      ATTUNE_RETURN_IF_ERROR(layers_[i].Forward(context, x, y));
      x = y;
    }
    ATTUNE_RETURN_IF_ERROR(
        layers_.back().Forward(context, x, out.rows_slice(begin, rows)));
  }
  return absl::OkStatus();
}

absl::Status FusionNetwork::ForwardTraining(ExecutionContext& context,
                                            ConstMatrixView input, Saved& saved,
                                            MatrixView out) const {
  saved.input = input;
  const size_t hidden = layers_.size() - 1;
  saved.pre_activation.resize(hidden);
  saved.activated.resize(hidden);
  ConstMatrixView x = input;
  for (size_t i = 0; i < hidden; ++i) {
    MatrixView pre = context.workspace.Matrix(x.rows(), layers_[i].out());
    MatrixView act = context.workspace.Matrix(x.rows(), layers_[i].out());
    ATTUNE_RETURN_IF_ERROR(layers_[i].Forward(context, x, pre));
    const size_t size = static_cast<size_t>(pre.size());
    gelu_->Forward(context, {pre.data(), size}, {act.data(), size});
    saved.pre_activation[i] = pre;
    saved.activated[i] = act;
    x = act;
  }
  return layers_.back().Forward(context, x, out);
}

absl::Status FusionNetwork::Backward(ExecutionContext& context,
                                     const Saved& saved, ConstMatrixView dout,
                                     MatrixView dinput,
                                     std::span<float> gradients) const {
  Workspace::Scope scope(context.workspace);
  const size_t hidden = layers_.size() - 1;
  ConstMatrixView dy = dout;
  for (size_t i = hidden + 1; i-- > 0;) {
    ConstMatrixView x = i == 0 ? saved.input : saved.activated[i - 1];
    MatrixView dx =
        i == 0 ? dinput : context.workspace.Matrix(x.rows(), x.cols());
    ATTUNE_RETURN_IF_ERROR(layers_[i].Backward(context, x, dy, dx, gradients));
    if (i > 0) {
      const MatrixView& pre = saved.pre_activation[i - 1];
      const size_t size = static_cast<size_t>(pre.size());
      gelu_->Backward(context, {pre.data(), size}, {dx.data(), size},
                      {dx.data(), size});
    }
    dy = dx;
  }
  return absl::OkStatus();
}

}  // namespace attune
