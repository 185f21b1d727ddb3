#include "attention/backend.h"

#include "attention/op_checks.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

class ReferenceBackend final : public Backend {
 public:
  std::string_view name() const override { return "reference"; }

  absl::StatusOr<std::unique_ptr<Linear>> CreateLinear(
      const LinearSpec& spec) const override {
    ATTUNE_RETURN_IF_ERROR(CheckLinearSpec(spec));
    return MakeReferenceLinear(spec);
  }
  absl::StatusOr<std::unique_ptr<LayerNorm>> CreateLayerNorm(
      int64_t width) const override {
    ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
    return MakeReferenceLayerNorm(width);
  }
  absl::StatusOr<std::unique_ptr<Attention>> CreateAttention(
      const AttentionSpec& spec) const override {
    ATTUNE_RETURN_IF_ERROR(CheckAttentionSpec(spec));
    return MakeReferenceAttention(spec);
  }
  absl::StatusOr<std::unique_ptr<AttentionPooling>> CreateAttentionPooling(
      int64_t width, int heads) const override {
    ATTUNE_RETURN_IF_ERROR(CheckPoolingHeads(width, heads));
    return MakeReferenceAttentionPooling(width, heads);
  }
  absl::StatusOr<std::unique_ptr<Activation>> CreateActivation(
      ActivationKind kind) const override {
    return MakeReferenceActivation(kind);
  }
  absl::StatusOr<std::unique_ptr<CrossEntropy>> CreateCrossEntropy(
      int64_t width) const override {
    ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
    return MakeReferenceCrossEntropy(width);
  }
  absl::StatusOr<std::unique_ptr<MatmulTransposed>> CreateMatmulTransposed(
      int64_t width) const override {
    ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
    return MakeReferenceMatmulTransposed(width);
  }
};

}  // namespace

std::unique_ptr<Backend> MakeReferenceBackend() {
  return std::make_unique<ReferenceBackend>();
}

}  // namespace attune
