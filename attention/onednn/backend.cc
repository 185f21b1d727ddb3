#include "attention/backend.h"

#include "attention/onednn/operations.h"
#include "attention/op_checks.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class OneDnnBackend final : public Backend {
 public:
  std::string_view name() const override { return "onednn"; }

  absl::StatusOr<std::unique_ptr<Linear>> CreateLinear(
      const LinearSpec& spec) const override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearSpec(spec));
    return MakeFastestLinear(spec);
  }
  absl::StatusOr<std::unique_ptr<LayerNorm>> CreateLayerNorm(
      int64_t width) const override {
    ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
    return MakeVectorLayerNorm(width);
  }
  absl::StatusOr<std::unique_ptr<Attention>> CreateAttention(
      const AttentionSpec& spec) const override {
    ATTUNE_RETURN_IF_ERROR(CheckAttentionSpec(spec));
    return MakeVectorAttention(spec);
  }
  absl::StatusOr<std::unique_ptr<AttentionPooling>> CreateAttentionPooling(
      int64_t width, int heads) const override {
    ATTUNE_RETURN_IF_ERROR(CheckPoolingHeads(width, heads));
    return MakeVectorAttentionPooling(width, heads);
  }
  absl::StatusOr<std::unique_ptr<Activation>> CreateActivation(
      ActivationKind kind) const override {
    return MakeVectorActivation(kind);
  }
  absl::StatusOr<std::unique_ptr<CrossEntropy>> CreateCrossEntropy(
      int64_t width) const override {
    ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
    return MakeVectorCrossEntropy(width);
  }
  absl::StatusOr<std::unique_ptr<MatmulTransposed>> CreateMatmulTransposed(
      int64_t width) const override {
    ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
    return MakeVectorMatmulTransposed(width);
  }
};

}  // namespace

std::unique_ptr<Backend> MakeOneDnnBackend() {
  return std::make_unique<OneDnnBackend>();
}

}  // namespace attune
