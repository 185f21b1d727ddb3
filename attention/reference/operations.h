#pragma once

#include <cstdint>
#include <memory>

#include "attention/ops/activation.h"
#include "attention/ops/attention.h"
#include "attention/ops/cross_entropy.h"
#include "attention/ops/layer_norm.h"
#include "attention/ops/linear.h"
#include "attention/ops/matmul.h"
#include "attention/ops/pooling.h"

// The operations of the reference back-end, one per file. Specs are valid
// (checked by the back-end). All of them sum in double.
namespace attune {

std::unique_ptr<Linear> MakeReferenceLinear(const LinearSpec& spec);
std::unique_ptr<LayerNorm> MakeReferenceLayerNorm(int64_t width);
std::unique_ptr<Attention> MakeReferenceAttention(const AttentionSpec& spec);
std::unique_ptr<AttentionPooling> MakeReferenceAttentionPooling(int64_t width,
                                                                int heads);
std::unique_ptr<Activation> MakeReferenceActivation(ActivationKind kind);
std::unique_ptr<CrossEntropy> MakeReferenceCrossEntropy(int64_t width);
std::unique_ptr<MatmulTransposed> MakeReferenceMatmulTransposed(int64_t width);

}  // namespace attune
