#pragma once

#include <span>

#include "absl/status/status.h"
#include "attention/ops/attention.h"
#include "attention/ops/cross_entropy.h"
#include "attention/ops/linear.h"
#include "base/tensor_view.h"

// What every back-end checks before it computes, in one place so that all
// refuse the same input with the same words. Each returns InvalidArgument that
// holds both values.
namespace attune {

/// width >= 1.
absl::Status CheckWidth(int64_t width);
/// width and heads >= 1, heads divides width.
absl::Status CheckPoolingHeads(int64_t width, int heads);
absl::Status CheckLinearSpec(const LinearSpec& spec);
absl::Status CheckLinearWeights(const LinearSpec& spec, ConstMatrixView weight,
                                std::span<const float> bias);
absl::Status CheckLinearForward(const LinearSpec& spec, ConstMatrixView x,
                                MatrixView y, ConstMatrixView residual);
absl::Status CheckLinearBackward(const LinearSpec& spec, ConstMatrixView x,
                                 ConstMatrixView dy, MatrixView dx,
                                 MatrixView dweight, std::span<float> dbias);

absl::Status CheckAttentionSpec(const AttentionSpec& spec);
/// Shapes, sequence bounds and `visible`; O(sequences + queries).
absl::Status CheckAttentionInput(const AttentionSpec& spec,
                                 const AttentionInput& input);
absl::Status CheckAttentionForward(const AttentionSpec& spec,
                                   const AttentionInput& input, MatrixView out,
                                   MatrixView log_sum_exp);
absl::Status CheckAttentionBackward(const AttentionSpec& spec,
                                    const AttentionInput& input,
                                    ConstMatrixView out,
                                    ConstMatrixView log_sum_exp,
                                    ConstMatrixView dout,
                                    const AttentionGradients& gradients);
absl::Status CheckAttentionWeights(const AttentionSpec& spec,
                                   const AttentionInput& input,
                                   MatrixView weights);

absl::Status CheckPooling(int64_t width, int heads, ConstMatrixView values,
                          ConstMatrixView scores, std::span<const int32_t> rows,
                          std::span<const int64_t> offsets,
                          ConstMatrixView out);

absl::Status CheckCrossEntropy(int64_t width, const CrossEntropyInput& input,
                               MatrixView drows, MatrixView dclasses,
                               std::span<float> dclass_bias);

absl::Status CheckMatmulTransposed(int64_t width, ConstMatrixView a,
                                   ConstMatrixView b, MatrixView c);

}  // namespace attune
