#include "engine/train/calibration.h"

#include <algorithm>
#include <cmath>

namespace attune {
namespace {

constexpr int64_t kFewest = 30;
constexpr int kIterations = 100;
constexpr double kRidge = 1e-12;
constexpr double kSmallestGradient = 1e-5;
constexpr double kSmallestStep = 1e-10;

/// Cross-entropy of the targets, summed, without overflow.
double Loss(std::span<const float> logits, std::span<const uint8_t> labels,
            double positive_target, double negative_target,
            const PlattScale& s) {
  double loss = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double z = s.scale * logits[i] + s.bias;
    const double target = labels[i] != 0 ? positive_target : negative_target;
    loss += std::max(z, 0.0) - target * z + std::log1p(std::exp(-std::abs(z)));
  }
  return loss;
}

}  // namespace

PlattScale FitPlatt(std::span<const float> logits,
                    std::span<const uint8_t> labels) {
  const auto positives =
      std::count_if(labels.begin(), labels.end(), [](uint8_t l) { return l; });
  const auto negatives = static_cast<int64_t>(labels.size()) - positives;
  if (positives < kFewest || negatives < kFewest) return {};
  const double high = (static_cast<double>(positives) + 1) /
                      (static_cast<double>(positives) + 2);
  const double low = 1 / (static_cast<double>(negatives) + 2);
  PlattScale s;
  double loss = Loss(logits, labels, high, low, s);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    // Newton's step of the two numbers.
    double g_scale = 0, g_bias = 0;
    double h_ss = kRidge, h_sb = 0, h_bb = kRidge;
    for (size_t i = 0; i < logits.size(); ++i) {
      const double x = logits[i];
      const double p = 1 / (1 + std::exp(-(s.scale * x + s.bias)));
      const double d = p - (labels[i] != 0 ? high : low);
      const double w = p * (1 - p);
      g_scale += d * x;
      g_bias += d;
      h_ss += w * x * x;
      h_sb += w * x;
      h_bb += w;
    }
    if (std::abs(g_scale) < kSmallestGradient &&
        std::abs(g_bias) < kSmallestGradient) {
      break;
    }
    const double determinant = h_ss * h_bb - h_sb * h_sb;
    const double step_scale = -(h_bb * g_scale - h_sb * g_bias) / determinant;
    const double step_bias = -(h_ss * g_bias - h_sb * g_scale) / determinant;
    const double slope = g_scale * step_scale + g_bias * step_bias;
    double length = 1;
    for (; length >= kSmallestStep; length /= 2) {
      const PlattScale next{s.scale + length * step_scale,
                            s.bias + length * step_bias};
      const double next_loss = Loss(logits, labels, high, low, next);
      if (next_loss < loss + 1e-4 * length * slope) {
        s = next;
        loss = next_loss;
        break;
      }
    }
    if (length < kSmallestStep) break;
  }
  const bool usable =
      std::isfinite(s.scale) && std::isfinite(s.bias) && s.scale > 0;
  return usable ? s : PlattScale{};
}

std::vector<PlattScale> CalibrateTasks(const Network& network,
                                       const Dataset& dataset,
                                       std::span<const ImpressionCase> cases,
                                       const TaskScores& scores,
                                       std::span<const int32_t> tasks,
                                       std::span<float> values) {
  const ParameterLayout& layout = network.layout();
  std::vector<PlattScale> folded(network.config().tasks.size());
  for (size_t task = 0; task < tasks.size(); ++task) {
    const int32_t t = tasks[task];
    if (t <= 0) continue;  // "next" is a softmax over the candidates
    const PlattScale s =
        FitPlatt(scores.logits[task], TaskLabels(dataset, cases, task));
    const auto scale = static_cast<float>(s.scale);
    const auto bias = static_cast<float>(s.bias);
    // logit = task_scale · match + task_bias + fusion.
    layout.Vector(network.task_scale(), values)[t] *= scale;
    float& task_bias = layout.Vector(network.task_bias(), values)[t];
    task_bias = scale * task_bias + bias;
    network.fusion().ScaleTask(t, scale, values);
    folded[static_cast<size_t>(t)] = s;
  }
  return folded;
}

}  // namespace attune
