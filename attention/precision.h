#pragma once

namespace attune {

/// Precision of the products' inputs; sums, norms and softmax are always f32.
/// kBf16 rounds both operands of every product to bfloat16 (round to nearest
/// even) and accumulates in f32.
enum class Precision { kF32, kBf16 };

}  // namespace attune
