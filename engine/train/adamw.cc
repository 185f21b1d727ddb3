#include "engine/train/adamw.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/strings.h"

namespace attune {
namespace {

// 64 KB each of values, gradients and moments: fits a core's second-level
// cache, and 1M parameters still make 61 tasks.
constexpr int64_t kBlock = 16384;

// The compiler makes vector code of loops over this many lanes, at -O2 and
// without special instruction sets. The step is bound by memory: SSE2 will do.
constexpr int64_t kLanes = 16;

double SumOfSquares(const float* gradients, int64_t size) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double g = gradients[i + lane];
      lanes[lane] += g * g;
    }
  }
  double sum = 0;
  for (double lane : lanes) sum += lane;
  for (; i < size; ++i) sum += double{gradients[i]} * gradients[i];
  return sum;
}

struct Coefficients {
  float gradient_scale;
  float beta1, beta2;
  float keep;             // 1 - rate · decay
  float rate;             // rate / (1 - beta1^t)
  float root_correction;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
};

void Update(const Coefficients& c, float gradient, float* value, float* first,
            float* second) {
  const float g = gradient * c.gradient_scale;
  *first = c.beta1 * *first + (1 - c.beta1) * g;
  *second = c.beta2 * *second + (1 - c.beta2) * g * g;
  const float root = std::sqrt(*second) * c.root_correction + c.epsilon;
  *value = c.keep * *value - c.rate * *first / root;
}

void UpdateBlock(const Coefficients& c, const float* __restrict__ gradients,
                 float* __restrict__ values, float* __restrict__ first,
                 float* __restrict__ second, int64_t size) {
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      Update(c, gradients[i + lane], values + i + lane, first + i + lane,
             second + i + lane);
    }
  }
  for (; i < size; ++i) {
    Update(c, gradients[i], values + i, first + i, second + i);
  }
}

absl::Status CheckOptions(const AdamWOptions& options) {
  const auto is_rate = [](float beta) { return beta >= 0 && beta < 1; };
  if (is_rate(options.beta1) && is_rate(options.beta2) && options.epsilon > 0 &&
      options.clip_norm >= 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("AdamW with beta1 ", options.beta1, ", beta2 ", options.beta2,
             ", epsilon ", options.epsilon, ", clip_norm ", options.clip_norm,
             ": betas lie in [0, 1), epsilon above 0, clip_norm not below 0"));
}

}  // namespace

absl::StatusOr<AdamW> AdamW::Create(int64_t size,
                                    std::vector<AdamWRange> ranges,
                                    const AdamWOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::sort(ranges.begin(), ranges.end(),
            [](const AdamWRange& a, const AdamWRange& b) {
              return a.begin < b.begin;
            });
  std::vector<Block> blocks;
  int64_t free_from = 0;
  for (const AdamWRange& range : ranges) {
    const int64_t end = range.begin + range.size;
    if (range.size < 0 || range.begin < free_from || end > size) {
      return absl::InvalidArgumentError(
          StrCat("AdamW: range [", range.begin, ", ", end,
                 ") overlaps another or leaves [0, ", size, ")"));
    }
    if (!(range.weight_decay >= 0) || !(range.rate_scale >= 0)) {
      return absl::InvalidArgumentError(
          StrCat("AdamW: range [", range.begin, ", ", end, ") with decay ",
                 range.weight_decay, " and rate scale ", range.rate_scale,
                 ": neither may be negative"));
    }
    free_from = end;
    for (int64_t begin = range.begin; begin < end; begin += kBlock) {
      blocks.push_back({.begin = begin,
                        .size = std::min(kBlock, end - begin),
                        .weight_decay = range.weight_decay,
                        .rate_scale = range.rate_scale});
    }
  }
  return AdamW(size, std::move(blocks), options);
}

double AdamW::GradientNorm(std::span<const float> gradients,
                           ThreadPool& pool) const {
  std::vector<double> sums(blocks_.size());
  pool.ParallelFor(static_cast<int64_t>(blocks_.size()), [&](int64_t b) {
    sums[b] =
        SumOfSquares(gradients.data() + blocks_[b].begin, blocks_[b].size);
  });
  double sum = 0;
  for (double block_sum : sums) sum += block_sum;
  return std::sqrt(sum);
}

absl::StatusOr<double> AdamW::Step(const Buffers& buffers, int64_t step,
                                   float learning_rate,
                                   ThreadPool& pool) const {
  for (size_t size :
       {buffers.values.size(), buffers.gradients.size(),
        buffers.first_moment.size(), buffers.second_moment.size()}) {
    if (static_cast<int64_t>(size) != size_) {
      return absl::InvalidArgumentError(
          StrCat("AdamW: a buffer has ", size, " floats, expected ", size_));
    }
  }
  if (step < 1) {
    return absl::InvalidArgumentError(
        StrCat("AdamW: step ", step, ", the first is 1"));
  }
  const double norm = GradientNorm(buffers.gradients, pool);
  if (!std::isfinite(norm)) {
    return absl::FailedPreconditionError(
        StrCat("AdamW: the gradient norm of step ", step, " is not finite"));
  }
  const bool clip = options_.clip_norm > 0 && norm > options_.clip_norm;
  const double correction1 = 1 - std::pow(double{options_.beta1}, step);
  const double correction2 = 1 - std::pow(double{options_.beta2}, step);
  Coefficients common{};
  common.gradient_scale =
      clip ? static_cast<float>(options_.clip_norm / norm) : 1.0f;
  common.beta1 = options_.beta1;
  common.beta2 = options_.beta2;
  common.root_correction = static_cast<float>(1 / std::sqrt(correction2));
  common.epsilon = options_.epsilon;
  pool.ParallelFor(static_cast<int64_t>(blocks_.size()), [&](int64_t b) {
    const Block& block = blocks_[b];
    Coefficients c = common;
    const float rate = learning_rate * block.rate_scale;
    c.keep = 1 - rate * block.weight_decay;
    c.rate = static_cast<float>(rate / correction1);
    UpdateBlock(c, buffers.gradients.data() + block.begin,
                buffers.values.data() + block.begin,
                buffers.first_moment.data() + block.begin,
                buffers.second_moment.data() + block.begin, block.size);
  });
  return norm;
}

}  // namespace attune
