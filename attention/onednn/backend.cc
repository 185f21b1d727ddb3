#include "attention/backend.h"

#include "absl/status/status.h"

namespace attune {
namespace {

class OneDnnBackend final : public Backend {
 public:
  std::string_view name() const override { return "onednn"; }

  absl::StatusOr<std::unique_ptr<Linear>> CreateLinear(
      const LinearSpec&) const override {
    return absl::UnimplementedError("no linear layer yet");
  }
  absl::StatusOr<std::unique_ptr<LayerNorm>> CreateLayerNorm(
      int64_t) const override {
    return absl::UnimplementedError("no layer norm yet");
  }
  absl::StatusOr<std::unique_ptr<Attention>> CreateAttention(
      const AttentionSpec&) const override {
    return absl::UnimplementedError("no attention yet");
  }
  absl::StatusOr<std::unique_ptr<AttentionPooling>> CreateAttentionPooling(
      int64_t, int) const override {
    return absl::UnimplementedError("no attention pooling yet");
  }
  absl::StatusOr<std::unique_ptr<Activation>> CreateActivation(
      ActivationKind) const override {
    return absl::UnimplementedError("no activation yet");
  }
  absl::StatusOr<std::unique_ptr<CrossEntropy>> CreateCrossEntropy(
      int64_t) const override {
    return absl::UnimplementedError("no cross-entropy yet");
  }
  absl::StatusOr<std::unique_ptr<MatmulTransposed>> CreateMatmulTransposed(
      int64_t) const override {
    return absl::UnimplementedError("no product yet");
  }
};

}  // namespace

std::unique_ptr<Backend> MakeOneDnnBackend() {
  return std::make_unique<OneDnnBackend>();
}

}  // namespace attune
