#pragma once

#include <cstdint>
#include <span>

#include "base/tensor_view.h"

namespace attune {

/// What task logits mean as probabilities. The first task, "next", is trained
/// with a softmax: its logits have no zero point, and only the request's
/// candidates together give them one. Its probability is the softmax over those
/// that were kept: of all of them, that the user takes this one next. The other
/// tasks are trained with a sigmoid each, which the logit alone decides. For
/// answers to show: what ranks is the logit, which knows no company.
class TaskProbabilities {
 public:
  /// logits [tasks, C], kept [C]: 1 = a candidate that the policy lets pass.
  /// `logits` must outlive the object.
  TaskProbabilities(ConstMatrixView logits, std::span<const uint8_t> kept);

  /// 0 to 1. REQUIRES, for task 0: the candidate was kept.
  double Of(int64_t task, int64_t candidate) const;

 private:
  ConstMatrixView logits_;
  double most_ = 0;  ///< greatest logit of "next"
  double sum_ = 0;   ///< of exp(logit - most_)
};

}  // namespace attune
