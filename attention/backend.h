#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attention/ops/activation.h"
#include "attention/ops/attention.h"
#include "attention/ops/cross_entropy.h"
#include "attention/ops/layer_norm.h"
#include "attention/ops/linear.h"
#include "attention/ops/matmul.h"
#include "attention/ops/pooling.h"

namespace attune {

/// Makes operations. Each Create* either returns a prepared operation or says
/// why this back-end does not have it for this spec (Unimplemented, with the
/// reason); callers go through BackendList, which asks in order. Creation is
/// expensive (code generation), execution is not: prepare once, execute many.
/// Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;

  virtual absl::StatusOr<std::unique_ptr<Linear>> CreateLinear(
      const LinearSpec& spec) const = 0;
  virtual absl::StatusOr<std::unique_ptr<LayerNorm>> CreateLayerNorm(
      int64_t width) const = 0;
  virtual absl::StatusOr<std::unique_ptr<Attention>> CreateAttention(
      const AttentionSpec& spec) const = 0;
  virtual absl::StatusOr<std::unique_ptr<AttentionPooling>>
  CreateAttentionPooling(int64_t width, int heads) const = 0;
  virtual absl::StatusOr<std::unique_ptr<Activation>> CreateActivation(
      ActivationKind kind) const = 0;
  virtual absl::StatusOr<std::unique_ptr<CrossEntropy>> CreateCrossEntropy(
      int64_t width) const = 0;
  virtual absl::StatusOr<std::unique_ptr<MatmulTransposed>>
  CreateMatmulTransposed(int64_t width) const = 0;
};

/// Plain loops: the truth that every other back-end is tested against.
std::unique_ptr<Backend> MakeReferenceBackend();
/// oneDNN products, Highway row kernels.
std::unique_ptr<Backend> MakeOneDnnBackend();

/// A back-end that answers with the first of an explicit ordered list that
/// supports the spec: onednn, then reference. `name` "reference" or "onednn"
/// (tests, debugging) starts the list there; "" is the default order.
/// NotFound for another name, listing the known ones. Applies the environment's
/// ATTUNE_MAX_CPU_ISA (instruction_set.h); InvalidArgument where that is wrong.
absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(
    std::string_view name = "");

}  // namespace attune
