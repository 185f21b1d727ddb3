#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parallel.h"

namespace attune {

/// Floats [begin, begin + size) of the flat buffers, and how they move. What no
/// range covers is frozen: neither read nor written.
struct AdamWRange {
  int64_t begin = 0;
  int64_t size = 0;
  float weight_decay = 0;  ///< 0 for biases and norms
  float rate_scale = 1;    ///< of the learning rate
};

struct AdamWOptions {
  float beta1 = 0.9f;
  /// 0.98 rather than 0.999, as sequential recommenders are trained (HSTU).
  float beta2 = 0.98f;
  float epsilon = 1e-8f;
  float clip_norm = 0;  ///< global gradient norm is cut to this; 0: never
};

/// AdamW: Adam with bias correction and decoupled weight decay (Loshchilov and
/// Hutter 2019), in float32:
///   m = β1·m + (1-β1)·g,  v = β2·v + (1-β2)·g²
///   w -= rate · (decay·w + (m / (1-β1^t)) / (sqrt(v / (1-β2^t)) + ε))
/// The state is the caller's: values, two moments and the step count, so that a
/// checkpoint is three buffers and a number. Const and thread-safe; the result
/// does not depend on the number of threads.
class AdamW {
 public:
  /// InvalidArgument for ranges that overlap or leave [0, size), and for
  /// options out of range.
  static absl::StatusOr<AdamW> Create(int64_t size,
                                      std::vector<AdamWRange> ranges,
                                      const AdamWOptions& options);

  /// Each of the `size` of Create; start the moments at zero.
  struct Buffers {
    std::span<float> values;
    std::span<const float> gradients;
    std::span<float> first_moment;
    std::span<float> second_moment;
  };

  /// The norm of the gradients in the ranges, summed in a fixed order.
  double GradientNorm(std::span<const float> gradients, ThreadPool& pool) const;

  /// Step `step` = 1, 2, … Returns the gradient norm before clipping.
  /// InvalidArgument for buffers of another size or step < 1;
  /// FailedPrecondition, with nothing changed, if the norm is not finite.
  absl::StatusOr<double> Step(const Buffers& buffers, int64_t step,
                              float learning_rate, ThreadPool& pool) const;

 private:
  // At most kBlock floats of one range: the unit of work and of summation.
  struct Block {
    int64_t begin = 0;
    int64_t size = 0;
    float weight_decay = 0;
    float rate_scale = 0;
  };

  AdamW(int64_t size, std::vector<Block> blocks, const AdamWOptions& options)
      : size_(size), blocks_(std::move(blocks)), options_(options) {}

  int64_t size_;
  std::vector<Block> blocks_;
  AdamWOptions options_;
};

}  // namespace attune
