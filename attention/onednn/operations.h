#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "attention/ops/activation.h"
#include "attention/ops/attention.h"
#include "attention/ops/cross_entropy.h"
#include "attention/ops/layer_norm.h"
#include "attention/ops/linear.h"
#include "attention/ops/matmul.h"
#include "attention/ops/pooling.h"

// The operations of the oneDNN back-end, one per file. Specs are valid (checked
// by the back-end); Unimplemented says why a valid one is not supported.
namespace attune {

absl::StatusOr<std::unique_ptr<Linear>> MakeOneDnnLinear(
    const LinearSpec& spec);

/// Products on our own kernels (linear_kernel.h).
std::unique_ptr<Linear> MakeVectorLinear(const LinearSpec& spec);

/// The faster of the two here: oneDNN where it has AMX for the precision, our
/// own kernels elsewhere.
absl::StatusOr<std::unique_ptr<Linear>> MakeFastestLinear(
    const LinearSpec& spec);

// Without oneDNN primitives inside: these cannot fail.
std::unique_ptr<LayerNorm> MakeVectorLayerNorm(int64_t width);
std::unique_ptr<Attention> MakeVectorAttention(const AttentionSpec& spec);
std::unique_ptr<AttentionPooling> MakeVectorAttentionPooling(int64_t width,
                                                             int heads);
std::unique_ptr<Activation> MakeVectorActivation(ActivationKind kind);
std::unique_ptr<CrossEntropy> MakeVectorCrossEntropy(int64_t width);
std::unique_ptr<MatmulTransposed> MakeVectorMatmulTransposed(int64_t width);

}  // namespace attune
