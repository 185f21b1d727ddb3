#include "engine/rank/task_probabilities.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace attune {

TaskProbabilities::TaskProbabilities(ConstMatrixView logits,
                                     std::span<const uint8_t> kept)
    : logits_(logits) {
  assert(logits.cols() == static_cast<int64_t>(kept.size()));
  if (logits.rows() == 0) return;
  const float* next = logits.row(0);
  most_ = std::numeric_limits<double>::lowest();
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] != 0) most_ = std::max<double>(most_, next[i]);
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] != 0) sum_ += std::exp(next[i] - most_);
  }
}

double TaskProbabilities::Of(int64_t task, int64_t candidate) const {
  const double logit = logits_(task, candidate);
  if (task == 0) return std::exp(logit - most_) / sum_;
  // Never overflows: exp is only asked for values <= 0.
  const double e = std::exp(-std::fabs(logit));
  return logit >= 0 ? 1 / (1 + e) : e / (1 + e);
}

}  // namespace attune
